-- Each new profile asked whether its organisation is there, which took a third of the time of inserting
-- it. Nothing can be written without it anyway: a writer holds the lock on the organisation's row, and
-- the policy of the table admits no other organisation than the one that the transaction named.
ALTER TABLE kartei.profiles DROP CONSTRAINT IF EXISTS profiles_org_fkey;
