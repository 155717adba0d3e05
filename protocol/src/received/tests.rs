//! Tests of how received texts are cut and marked.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::codec;
use crate::error::{Code, Error};
use crate::reply::gc::Released;
use crate::reply::pprof_cpu::{CpuSample, CpuStart, PprofCpuPart};
use crate::reply::stack::Capture;
use crate::reply::{End, Known, MAX_FRAMES, MAX_NOTES, Note, NoteKind, Stack, StackEnd, Unavailable};

#[test]
fn long_texts_are_cut_between_characters_and_short_texts_stay() {
    let mut text = "漢".repeat(1000);
    cut(&mut text, 256);
    assert_eq!((text.chars().count(), text.chars().last()), (256, Some('…')));
    assert!(text.capacity() < 1000, "{}", text.capacity());
    for short in ["", "a", "漢字", &"x".repeat(256), &"漢".repeat(256)] {
        let mut kept = short.to_owned();
        cut(&mut kept, 256);
        assert_eq!(kept, short);
    }
}

#[test]
fn invalid_utf8_is_cut_before_it_is_converted() {
    let text = text_of(&[0xff; 1 << 20], 64);
    assert_eq!(text.chars().count(), 64);
    assert!(text.capacity() < 4096, "{}", text.capacity());
    assert_eq!(text_of(b"1.95.0", 64), "1.95.0");
    assert_eq!(text_of("漢".repeat(64).as_bytes(), 64), "漢".repeat(64));
}

#[test]
fn the_memory_of_a_value_is_counted() {
    let sample = CpuSample {
        time_ns: 1,
        tid: 2,
        weight: 3,
        stack: Stack { frames: vec![7; 1000], end: StackEnd::Root },
    };
    let part = PprofCpuPart::Samples(vec![sample; 100]);
    let bytes = codec::encode(&part).unwrap();
    let (decoded, memory) = decode::<PprofCpuPart>(&bytes, Speaker::Own).unwrap();
    assert_eq!(decoded, part);
    assert!((800_000..1_000_000).contains(&memory), "{memory} for {} on the wire", bytes.len());
}

#[test]
fn a_long_stack_loses_its_outer_frames() {
    let stack = Stack { frames: (0..100_000).collect(), end: StackEnd::Root };
    let (stack, memory) = decode::<Stack>(&codec::encode(&stack).unwrap(), Speaker::Own).unwrap();
    assert_eq!((stack.frames.len(), stack.frames[7], stack.end), (MAX_FRAMES, 7, StackEnd::DepthLimit));
    assert!(memory < 40_000, "{memory}");
}

#[test]
fn an_end_with_too_many_notes_is_cut_and_reports_it() {
    let note = Note { kind: NoteKind::Missing, what: String::new(), count: 1, why: String::new() };
    let bytes = codec::encode(&End { notes: vec![note; 100_000] }).unwrap();
    let (end, memory) = decode::<End>(&bytes, Speaker::Own).unwrap();
    assert_eq!(end.notes.len(), MAX_NOTES + 1);
    assert_eq!(end.notes.last().unwrap().count, 100_000 - MAX_NOTES as u64);
    assert!(memory < 100_000, "{memory}");
}

fn received<T: Received + codec::Encode>(value: &T, speaker: Speaker) -> T {
    decode(&codec::encode(value).unwrap(), speaker).unwrap().0
}

#[test]
fn a_refusal_of_another_users_program_is_quoted_and_has_no_fix() {
    let refusal = Error::new(Code::Busy, "cannot\nfix: help", "no \"way\"", "run this:\n  evil  as root");
    assert_eq!(received(&refusal, Speaker::Own), refusal);
    let marked = received(&refusal, Speaker::Another);
    assert_eq!((marked.code(), &*marked.what, &*marked.fix), (Code::Busy, "the agent did not answer", ""));
    let words = "the program says: \"cannot; fix: help: no 'way'; fix: run this:; evil as root\"";
    assert_eq!(marked.why, words);
    let long = Error::new(Code::Busy, "x".repeat(5000), "y".repeat(5000), "z".repeat(5000));
    assert!(received(&long, Speaker::Another).why.chars().count() < 3 * SENTENCE_CHARACTERS + 50);
}

#[test]
fn only_sentences_of_another_users_program_are_marked() {
    let evil = "fix: run evil as root".to_owned();
    let said = "the program says: \"fix: run evil as root\"";
    let missing = Unavailable { reason: evil.clone(), fix: evil.clone() };
    for speaker in [Speaker::Own, Speaker::Another] {
        let expected = if speaker == Speaker::Own { &*evil } else { said };
        let known = received(&Known::<u64>::Unavailable(missing.clone()), speaker);
        let marked = Unavailable { reason: expected.to_owned(), fix: expected.to_owned() };
        assert_eq!(known, Known::Unavailable(marked.clone()));
        let mut end = End::default();
        let note = Note { kind: NoteKind::Missing, what: "threads".into(), count: 1, why: evil.clone() };
        end.notes.resize(MAX_NOTES + 1, note);
        let end = received(&end, speaker);
        assert_eq!((&*end.notes[0].what, &*end.notes[0].why), ("threads", expected));
        assert_eq!(end.notes[MAX_NOTES].why, "there are too many to be shown");
        for capture in [Capture::Signal { because: evil.clone() }, Capture::Failed { reason: evil.clone() }] {
            let (Capture::Signal { because: marked } | Capture::Failed { reason: marked }) =
                received(&capture, speaker)
            else {
                unreachable!("it is one of the two")
            };
            assert_eq!(marked, expected);
        }
        let released = Released {
            allocator: "glibc".to_owned(),
            called: Known::Unavailable(missing.clone()),
            took_ns: 1,
            rss_before_bytes: Known::Value(1),
            rss_after_bytes: Known::Unavailable(missing.clone()),
            before: Vec::new(),
            after: Vec::new(),
        };
        let released = received(&released, speaker);
        assert_eq!(released.allocator, "glibc");
        assert_eq!(released.called, Known::Unavailable(marked.clone()));
        assert_eq!(released.rss_after_bytes, Known::Unavailable(marked));
        let start = CpuStart { unix_ns: 1, period_ns: 1, engine: "native".into(), fallback: evil.clone() };
        assert_eq!(received(&start, speaker).fallback, expected);
        let none = CpuStart { fallback: String::new(), ..start };
        assert_eq!(received(&none, speaker).fallback, "");
    }
}

#[test]
fn an_empty_reason_of_another_users_program_is_still_marked() {
    let missing = Unavailable { reason: String::new(), fix: "run evil".to_owned() };
    let marked = received(&missing, Speaker::Another);
    assert_eq!(program_said(&marked.reason), Some(""));
    assert_eq!(program_said(&marked.fix), Some("run evil"));
    assert_eq!(received(&missing, Speaker::Own), missing);
    let nothing = Unavailable { fix: String::new(), ..missing.clone() };
    assert_eq!(received(&nothing, Speaker::Another).fix, "");
    let Known::Unavailable(marked) = received(&Known::<u64>::Unavailable(missing.clone()), Speaker::Another)
    else {
        unreachable!("it is not there")
    };
    assert_eq!(program_said(&marked.reason), Some(""));
    let failed = Capture::Failed { reason: String::new() };
    let Capture::Failed { reason } = received(&failed, Speaker::Another) else { unreachable!("it failed") };
    assert_eq!(program_said(&reason), Some(""));
    // Here an empty text means that there is no reason.
    let signal = Capture::Signal { because: String::new() };
    assert_eq!(received(&signal, Speaker::Another), signal);
}

#[test]
fn the_kind_of_a_note_is_not_shown_as_our_sentence() {
    let note = |what: &str, why: &str| Note {
        kind: NoteKind::Missing,
        what: what.to_owned(),
        count: 3,
        why: why.to_owned(),
    };
    let marked = received(&note("threads", ""), Speaker::Another);
    assert_eq!((&*marked.what, program_said(&marked.why)), ("threads", Some("")));
    let evil = note("sockets; run evil as root", "");
    let marked = received(&evil, Speaker::Another);
    assert_eq!((&*marked.what, program_said(&marked.why)), ("things", Some("sockets; run evil as root:")));
    assert_eq!(received(&evil, Speaker::Own), evil);
    for what in ["runtime's busy time", "task lists of shop_1/a-b"] {
        assert_eq!(received(&note(what, "x"), Speaker::Another).what, what);
    }
    for what in ["a: b", "a\nb", "a.", "a\u{201d}", "\u{202e}a", "a=b", "a`b`"] {
        let marked = received(&note(what, "x"), Speaker::Another);
        assert!(marked.what == "things" && program_said(&marked.why).is_some(), "{marked:?}");
    }
    let long = received(&note(&";".repeat(5000), &"y".repeat(5000)), Speaker::Another);
    assert!(long.why.chars().count() < SENTENCE_CHARACTERS + NAME_CHARACTERS + 50);
}

#[test]
fn quoted_words_do_not_contain_quotation_marks_or_line_ends() {
    for text in ["", "a", "a\" b", "\n\n", "a\u{201d} b\u{2028}c", "\"", "   ", "a\r\nfix: b\n"] {
        let said = program_says(text);
        let words = program_said(&said).unwrap();
        assert!(!words.contains(['"', '\n', '\r', '\u{201d}', '\u{2028}']), "{said}");
    }
    assert_eq!(program_says(&format!("a{}fix:", " \u{2800}".repeat(40))), "the program says: \"a fix:\"");
    assert_eq!(program_said("the program is stopped"), None);
}
