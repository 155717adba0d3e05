//! What reports need and a profile does not have: source files and instructions. The caller provides them.

use std::sync::Arc;

use crate::profile::Mapping;
use crate::settings::Settings;
use crate::stop::Stop;

/// Source files and instructions. This crate does no I/O: a caller that has files implements this.
pub trait Environment: Sync {
    /// The source file that a profile names `file`, found by `source_path` and `trim_path`.
    ///
    /// # Errors
    /// Why it cannot be had, for people.
    fn source(&self, file: &str, settings: &Settings) -> Result<String, String>;

    /// The functions of the object file of a mapping that `is_wanted` accepts by a name, or that contain `address`, an
    /// address in memory. Without `is_wanted` names are not looked at.
    ///
    /// # Errors
    /// Why they cannot be had, for people.
    fn code(
        &self,
        mapping: &ObjectFile<'_>,
        is_wanted: Option<&dyn Fn(&str) -> bool>,
        address: Option<u64>,
        stop: Stop<'_>,
    ) -> Result<Vec<Code>, String>;

    /// What to add to an address as stated in the object file of a mapping to get the address in memory that the
    /// profile has, modulo 2^64.
    ///
    /// # Errors
    /// Why the file cannot be had, for people.
    fn bias(&self, mapping: &ObjectFile<'_>) -> Result<u64, String>;

    /// The instructions from `start` to `end` (not included), addresses as stated in the object file.
    ///
    /// # Errors
    /// Why they cannot be had, for people.
    fn instructions(
        &self,
        mapping: &ObjectFile<'_>,
        start: u64,
        end: u64,
        intel_syntax: bool,
        stop: Stop<'_>,
    ) -> Result<Vec<Instruction>, String>;
}

/// The object file of a mapping.
#[derive(Debug, Clone, Copy)]
pub struct ObjectFile<'a> {
    /// Its path in the profile.
    pub path: &'a str,
    /// Its build-id in the profile; may be empty.
    pub build_id: &'a str,
    /// How it is mapped.
    pub mapping: &'a Mapping,
}

/// A function of an object file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Its names; more than one if the linker folded functions.
    pub names: Vec<String>,
    /// Its first address, as stated in the object file.
    pub start: u64,
    /// The address behind its last byte, as stated in the object file.
    pub end: u64,
    /// What to add to an address as stated in the object file to get the address in memory that the profile has,
    /// modulo 2^64.
    pub bias: u64,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its address, as stated in the object file.
    pub address: u64,
    /// Its text, as objdump prints it: `mov    %rax,%rdx`.
    pub text: String,
    /// Whose code it is: the innermost inlined call first, the function with code of its own last. Empty if that is
    /// not known.
    pub frames: Arc<[CodeFrame]>,
}

/// A function and a line that an instruction belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CodeFrame {
    /// The function, demangled; may be empty.
    pub function: Arc<str>,
    /// The name in the object file; may be empty.
    pub system_name: Arc<str>,
    /// Its source file; may be empty.
    pub file: Arc<str>,
    /// Its source line; 0 if unknown.
    pub line: i64,
}

/// No files: every source file and object file is missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Environment for Nothing {
    fn source(&self, file: &str, _: &Settings) -> Result<String, String> {
        Err(format!("could not find file {file}"))
    }

    fn code(
        &self,
        mapping: &ObjectFile<'_>,
        _: Option<&dyn Fn(&str) -> bool>,
        _: Option<u64>,
        _: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        Err(format!("{} is not at hand", mapping.path))
    }

    fn bias(&self, mapping: &ObjectFile<'_>) -> Result<u64, String> {
        Err(format!("{} is not at hand", mapping.path))
    }

    fn instructions(
        &self,
        mapping: &ObjectFile<'_>,
        _: u64,
        _: u64,
        _: bool,
        _: Stop<'_>,
    ) -> Result<Vec<Instruction>, String> {
        Err(format!("{} is not at hand", mapping.path))
    }
}
