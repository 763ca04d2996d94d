//! The scripts' other side, played: powershell.exe by a program of the tests, Windows by a model. The shapes of replies and
//! objects come from Microsoft's reference and published outputs, not from a recorded server.

mod cmdlets;
mod model;
mod powershell;
mod published;
mod server;
