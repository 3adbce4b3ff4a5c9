//! Black-box tests of the real binary.

#[cfg(test)]
mod activity;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod compaction;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod erase;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod funnel;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http;
#[cfg(test)]
mod http_clients;
#[cfg(test)]
mod http_docs;
#[cfg(test)]
mod http_limits;
#[cfg(test)]
mod http_rights;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod long_runs;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod pseudonyms;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod real_log;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod retain;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod server;
