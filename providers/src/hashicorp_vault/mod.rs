//! hashicorp_vault
