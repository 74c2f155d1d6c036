"""`mkt config pull|push|diff`: the tenants' files and the rows of Supabase."""
