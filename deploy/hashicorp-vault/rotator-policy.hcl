# What the rotator may do in HashiCorp Vault or OpenBao, and nothing beyond it: one block of rules for each account.
# MOUNT is the KV version 2 mount, ACCOUNT the account's name there, with its folder. Replace both; with several accounts,
# write the blocks of all of them into one policy (docs/hashicorp-vault.md has the commands). There is no right to delete
# a path and none to list: nothing that arrives late, and no mistake of ours, can take away what it did not name.

# current, what consumers read: looked at, promoted into, adopted.
path "MOUNT/data/ACCOUNT" {
  capabilities = ["create", "read", "update"]
}

# pending, the candidate beside current until it is proven: staged, read back, restored.
path "MOUNT/data/ACCOUNT-pending" {
  capabilities = ["create", "read", "update"]
}

# previous, what current was before: written at each promotion.
path "MOUNT/data/ACCOUNT-previous" {
  capabilities = ["create", "read", "update"]
}

# Emptying pending destroys exact versions of it, after a promotion or when a candidate is discarded.
path "MOUNT/destroy/ACCOUNT-pending" {
  capabilities = ["update"]
}

# current's metadata: patched to tell readers of the candidate while it may be live; read for its max_versions (doctor).
path "MOUNT/metadata/ACCOUNT" {
  capabilities = ["read", "patch"]
}

# How many versions the mount keeps (doctor).
path "MOUNT/config" {
  capabilities = ["read"]
}

# Its own token: whether the vault still knows it, when it was issued and when it ends (reports, doctor).
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

# Its own token: more life before the end.
path "auth/token/renew-self" {
  capabilities = ["update"]
}

# Its own rights, all of them in one question (doctor).
path "sys/capabilities-self" {
  capabilities = ["update"]
}
