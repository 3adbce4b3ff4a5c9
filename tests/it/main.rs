//! Black-box tests of the real binary.

#[cfg(test)]
mod cli;
