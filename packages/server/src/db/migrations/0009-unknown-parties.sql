-- Who was in a call that was not recorded because the directory knows nobody in it: one step from there to the person who is to be
-- recorded. A list of {address, name}; older invitations have none.
alter table trunk_invitations add column unknown_parties jsonb not null default '[]';
