//! A profile as stacks of frames: each distinct stack of locations once, root first.

use std::collections::HashMap;
use std::ops::Range;

use super::class::{Class, shown};
use crate::names::{Origin, Origins};
use crate::profile::{LocationId, Profile, TextId};
use crate::stop::{Stop, Stopped};

/// The most frames that all stacks have together: 512 MB. A profile of a few megabytes can have stacks of many
/// gigabytes, by locations with thousands of inlined calls.
pub const MAX_FRAMES: usize = 128 << 20;

/// After this many steps, [`Stop`] is asked.
pub(super) const STEPS: usize = 4096;

/// The number of a frame in [`Stacks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// A function, or a line of one, a file, … as the granularity says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The function; empty if there is no name.
    pub name: TextId,
    /// Its source file; may be empty.
    pub file: TextId,
    /// The line; 0 if lines are joined.
    pub line: i64,
    /// The column; 0 if lines are joined.
    pub column: i64,
    /// Its object file; empty if it has a name.
    pub object: TextId,
    /// Its address; 0 if it has a name.
    pub address: u64,
    /// Whose code it is.
    pub class: Class,
}

/// A frame of a stack: which, and whether it is inlined into the frame outside of it. In one number, so that stacks
/// can be compared as slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u32);

impl Place {
    pub(super) fn new(frame: FrameId, is_inlined: bool) -> Place {
        Place(frame.0 << 1 | u32::from(is_inlined))
    }

    /// The frame.
    pub fn frame(self) -> FrameId {
        FrameId(self.0 >> 1)
    }

    /// Whether it is inlined.
    pub fn is_inlined(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The distinct stacks of a profile with the sums of their samples.
#[derive(Debug)]
pub struct Stacks<'a> {
    profile: &'a Profile,
    frames: Vec<Frame>,
    places: Vec<Place>,
    /// Where the stack begins in `places`; the next one's begin is its end.
    starts: Vec<usize>,
    plus: Vec<u128>,
    minus: Vec<u128>,
    cut: usize,
}

impl<'a> Stacks<'a> {
    /// The stacks of `profile`, where `value` gives the value of the sample at a position. Stacks whose samples are all
    /// 0 are left out.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn new(
        profile: &'a Profile,
        value: impl Fn(usize) -> i64,
        stop: Stop<'_>,
    ) -> Result<Stacks<'a>, Stopped> {
        Stacks::within(profile, value, MAX_FRAMES, stop)
    }

    pub(super) fn within(
        profile: &'a Profile,
        value: impl Fn(usize) -> i64,
        most: usize,
        stop: Stop<'_>,
    ) -> Result<Stacks<'a>, Stopped> {
        let mut sums = vec![(0u128, 0u128); profile.stacks.len()];
        for (at, stack) in profile.samples.stacks.iter().enumerate() {
            if at % STEPS == 0 {
                stop.check()?;
            }
            let value = value(at);
            let Some((plus, minus)) = sums.get_mut(*stack as usize) else { continue };
            *(if value < 0 { minus } else { plus }) += u128::from(value.unsigned_abs());
        }
        let mut names = Names::new(profile, Origins::new(profile, stop)?);
        let mut stacks = Stacks {
            profile,
            frames: Vec::new(),
            places: Vec::new(),
            starts: vec![0],
            plus: Vec::new(),
            minus: Vec::new(),
            cut: 0,
        };
        let mut steps = 0;
        for (stack, (plus, minus)) in profile.stacks.iter().zip(sums) {
            if (plus, minus) == (0, 0) {
                continue;
            }
            for location in stack.iter().rev() {
                let of_location = names.of(*location);
                steps += 1 + of_location.len();
                if steps >= STEPS {
                    stop.check()?;
                    steps = 0;
                }
                if stacks.places.len() + of_location.len() > most {
                    // The outer frames are kept as far as they fit: sums stay exact.
                    stacks.cut += 1;
                    break;
                }
                stacks.places.extend_from_slice(of_location);
            }
            stacks.starts.push(stacks.places.len());
            stacks.plus.push(plus);
            stacks.minus.push(minus);
        }
        stacks.frames = names.frames;
        Ok(stacks)
    }

    /// The profile that they are of.
    pub fn profile(&self) -> &'a Profile {
        self.profile
    }

    /// How many distinct stacks there are.
    pub fn len(&self) -> usize {
        self.plus.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.plus.is_empty()
    }

    /// How many stacks lack their inner frames because [`MAX_FRAMES`] was reached.
    pub fn cut(&self) -> usize {
        self.cut
    }

    /// All frames, in the order of their numbers.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// A frame of these stacks.
    ///
    /// # Panics
    /// If it is not of these stacks.
    pub fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.0 as usize]
    }

    /// The frames of stack `at`, root first.
    pub fn stack(&self, at: usize) -> &[Place] {
        self.places.get(self.range(at)).unwrap_or_default()
    }

    /// The sum of the positive values of stack `at`, and of the negative ones without their sign.
    pub fn values(&self, at: usize) -> (u128, u128) {
        (self.plus.get(at).copied().unwrap_or(0), self.minus.get(at).copied().unwrap_or(0))
    }

    /// The sum of all positive values, and of all negative ones without their sign.
    pub fn sums(&self) -> (u128, u128) {
        (self.plus.iter().sum(), self.minus.iter().sum())
    }

    /// Whether there are negative values: a comparison.
    pub fn is_diff(&self) -> bool {
        self.minus.iter().any(|minus| *minus > 0)
    }

    /// The text of a frame: `shop::checkout`, `shop::checkout:12`, `src/cart.rs`, `[libz.so.1] 0x7f12`.
    pub fn text(&self, id: FrameId) -> String {
        let frame = self.frame(id);
        let (name, file) = (self.profile.text(frame.name), self.profile.text(frame.file));
        let mut text = match (name, file) {
            ("", "") => match self.profile.text(frame.object).rsplit('/').next().unwrap_or_default() {
                "" if frame.address == 0 => return "?".to_owned(),
                "" => return format!("0x{:x}", frame.address),
                object if frame.address == 0 => return format!("[{object}]"),
                object => return format!("[{object}] 0x{:x}", frame.address),
            },
            ("", file) => file.to_owned(),
            (name, _) => name.to_owned(),
        };
        if frame.line != 0 || frame.column != 0 {
            text.push_str(&format!(":{}", frame.line));
        }
        if frame.column != 0 {
            text.push_str(&format!(":{}", frame.column));
        }
        text
    }

    pub(super) fn range(&self, at: usize) -> Range<usize> {
        let start = self.starts.get(at).copied().unwrap_or(0);
        start..self.starts.get(at + 1).copied().unwrap_or(start)
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }
}

/// The difference of two sums. Sums of 2^32 values of 64 bits have less than 127 bits.
pub(super) fn signed(plus: u128, minus: u128) -> i128 {
    i128::try_from(plus).unwrap_or(i128::MAX).saturating_sub(i128::try_from(minus).unwrap_or(i128::MAX))
}

/// What tells frames apart.
type Key = (TextId, TextId, i64, i64, TextId, u64);

/// The frames of locations, found when one is needed first.
struct Names<'a> {
    profile: &'a Profile,
    origins: Origins,
    frames: Vec<Frame>,
    /// By name, file, line, column, object file and address: a frame that is in two libraries has one class.
    known: HashMap<Key, FrameId>,
    /// By location: where its frames are in `places`.
    of_locations: Vec<Option<Range<usize>>>,
    places: Vec<Place>,
}

impl<'a> Names<'a> {
    fn new(profile: &'a Profile, origins: Origins) -> Names<'a> {
        Names {
            profile,
            origins,
            frames: Vec::new(),
            known: HashMap::new(),
            of_locations: vec![None; profile.locations.len()],
            places: Vec::new(),
        }
    }

    /// The frames of a location, outermost first.
    fn of(&mut self, id: LocationId) -> &[Place] {
        let range = match self.of_locations.get(id.0 as usize) {
            Some(Some(range)) => range.clone(),
            Some(None) => {
                let range = self.add(id);
                self.of_locations[id.0 as usize] = Some(range.clone());
                range
            }
            None => 0..0,
        };
        &self.places[range]
    }

    fn add(&mut self, id: LocationId) -> Range<usize> {
        let start = self.places.len();
        let location = self.profile.location(id);
        let object = location.mapping.map_or(TextId::EMPTY, |mapping| self.profile.mapping(mapping).file);
        for (at, line) in location.lines.iter().enumerate().rev() {
            let function = self.profile.function(line.function);
            let class = shown(self.origins.of(line.function).class, self.profile.text(function.name));
            let frame = Frame {
                name: function.name,
                file: function.file,
                line: line.line,
                column: line.column,
                object: TextId::EMPTY,
                address: 0,
                class,
            };
            self.push(frame, at + 1 < location.lines.len());
        }
        if location.lines.is_empty() {
            let class = Origin::of("", "", self.profile.text(object)).class;
            let address = location.address;
            let (name, file, line, column) = (TextId::EMPTY, TextId::EMPTY, 0, 0);
            self.push(Frame { name, file, line, column, object, address, class }, false);
        }
        start..self.places.len()
    }

    fn push(&mut self, frame: Frame, is_inlined: bool) {
        let next = FrameId(self.frames.len() as u32);
        let key = (frame.name, frame.file, frame.line, frame.column, frame.object, frame.address);
        let id = *self.known.entry(key).or_insert(next);
        if id == next {
            self.frames.push(frame);
        }
        self.places.push(Place::new(id, is_inlined));
    }
}
