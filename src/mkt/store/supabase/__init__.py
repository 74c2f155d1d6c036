"""mkt's tables in Supabase: how they are made, and whether they are as they were made."""
