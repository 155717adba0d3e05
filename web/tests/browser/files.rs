//! The files of the shop: its source, and instructions that look like its own.

use std::sync::Arc;

use rgops_pprof::environment::{Code, CodeFrame, Environment, Instruction, ObjectFile};
use rgops_pprof::{Settings, Stop};

use crate::fixture::{BASE, SHOP, SIZE, START, frames, place, split};

/// The files of the shop.
pub(crate) struct Files;

impl Environment for Files {
    fn source(&self, file: &str, _: &Settings) -> Result<String, String> {
        if file == "/shop/src/main.rs" {
            Ok(SHOP.to_owned())
        } else {
            Err(format!("could not find file {file}"))
        }
    }

    fn code(
        &self,
        _: &ObjectFile<'_>,
        is_wanted: Option<&dyn Fn(&str) -> bool>,
        address: Option<u64>,
        _: Stop<'_>,
    ) -> Result<Vec<Code>, String> {
        let code = frames().into_iter().enumerate().filter_map(|(at, frame)| {
            let start = START + SIZE * at as u64;
            let name = split(frame).last().copied()?;
            let is_there = address.is_some_and(|address| (start..start + SIZE).contains(&(address - BASE)));
            (is_wanted.is_some_and(|is_wanted| is_wanted(name)) || is_there).then(|| Code {
                names: vec![name.to_owned()],
                start,
                end: start + SIZE,
                bias: BASE,
            })
        });
        Ok(code.collect())
    }

    fn bias(&self, _: &ObjectFile<'_>) -> Result<u64, String> {
        Ok(BASE)
    }

    fn instructions(
        &self,
        _: &ObjectFile<'_>,
        start: u64,
        end: u64,
        _: bool,
        _: Stop<'_>,
    ) -> Result<Vec<Instruction>, String> {
        let texts =
            ["push   %rbx", "mov    %rdi,%rbx", "call   *0x18(%rax)", "test   %al,%al", "pop    %rbx", "ret"];
        let frames = frames();
        let instruction = |address: u64| {
            let at = (address - START) / SIZE;
            let step = (address - START) % SIZE / 8;
            let names = frames.get(at as usize).map_or_else(Vec::new, |frame| split(frame));
            let mut called = None;
            let mut found = Vec::new();
            for name in names {
                let (file, first, call) = place(name, called);
                called = Some(name);
                let line = if step < 2 { call } else { first };
                found.push(CodeFrame {
                    function: name.into(),
                    system_name: name.into(),
                    file: file.into(),
                    line,
                });
            }
            let frames: Arc<[CodeFrame]> = found.into();
            Instruction { address, text: texts[step as usize % texts.len()].to_owned(), frames }
        };
        let end = end.min(START + SIZE * frames.len() as u64);
        Ok((start.max(START)..end).step_by(8).map(instruction).collect())
    }
}
