//! active_directory
