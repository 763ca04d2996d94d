# What the rotator may do in the vault, and nothing beyond it: one block of rules for each account.
# MOUNT is the KV version 2 mount, ACCOUNT the account's name there. Replace both, or let a script do it.

# current: what consumers read.
path "MOUNT/data/ACCOUNT" {
  capabilities = ["create", "read", "update"]
}

# pending: the candidate, beside current until it is proven.
path "MOUNT/data/ACCOUNT-pending" {
  capabilities = ["create", "read", "update"]
}

# previous: what current was before.
path "MOUNT/data/ACCOUNT-previous" {
  capabilities = ["create", "read", "update"]
}

# Emptying pending destroys exact versions of it. There is no right to delete a path: nothing that arrives
# late, and no mistake of ours, can take away a version that it did not name.
path "MOUNT/destroy/ACCOUNT-pending" {
  capabilities = ["update"]
}

# Its own token: when it was issued and when it ends, for the reports. Without this they say "not known".
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
