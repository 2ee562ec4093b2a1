//! What the program can do: a file a verb.

pub(crate) mod apply;
pub(crate) mod archive;
pub(crate) mod attention;
pub(crate) mod bench;
pub(crate) mod bill;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod fairness;
pub(crate) mod migrate;
pub(crate) mod report;
pub(crate) mod sandbox;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod why;
