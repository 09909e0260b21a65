//! What a client may take of the process, whatever it sends and however slowly it reads.

mod connections;
mod fixture;
mod heads;
mod memory;
