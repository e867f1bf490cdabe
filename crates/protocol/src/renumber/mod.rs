//! One set of types, several numberings: serde adapters between a type's derived
//! implementation and bincode, which replace the numbers of enum variants as a
//! table says. So a version that inserted a variant into an enum of hundreds
//! costs a line, and the enum is written once.
//!
//! Invariants: the table is asked by the names that serde derives from the types,
//! so an enum's name is unique on the wire; only numbers change, never which
//! fields follow; a variant that one side lacks is an error that names it, in
//! both directions.

mod read;
mod write;

/// How the numbers of an enum's variants on a wire differ from their order in the
/// type.
#[derive(Debug)]
pub struct Renumbered {
    /// The name of the type.
    pub name: &'static str,
    /// Variants that only the wire has, by their number there, ascending.
    pub added: &'static [(u32, &'static str)],
    /// Variants that the wire lacks, by their number in the type, ascending.
    pub removed: &'static [(u32, &'static str)],
}

/// How a wire numbers the variants of enums; those that are not listed keep the
/// numbers of their types.
#[derive(Debug)]
pub struct Numbering {
    pub enums: &'static [&'static [Renumbered]],
    /// Structs, by name, inside which another numbering holds.
    pub inside: &'static [(&'static str, &'static Numbering)],
}

impl Renumbered {
    /// The number on the wire of a variant; Err is the name of one that the wire
    /// lacks.
    fn on_wire(&self, variant: u32) -> Result<u32, &'static str> {
        renumber(variant, self.removed, self.added)
    }

    /// The variant of a number on the wire; Err is the name of one that the type
    /// lacks.
    fn in_type(&self, number: u32) -> Result<u32, &'static str> {
        renumber(number, self.added, self.removed)
    }
}

/// Takes the variants `out` of a numbering and puts `into` it others.
fn renumber(
    number: u32,
    out: &[(u32, &'static str)],
    into: &[(u32, &'static str)],
) -> Result<u32, &'static str> {
    if let Some((_, name)) = out.iter().find(|(at, _)| *at == number) {
        return Err(name);
    }
    let before = out.iter().filter(|(at, _)| *at < number).count() as u32;
    // Saturating, since a number that is read may be any.
    let insert = |number: u32, (at, _): &(u32, _)| number.saturating_add(u32::from(number >= *at));
    Ok(into.iter().fold(number - before, insert))
}

impl Numbering {
    fn of(&self, name: &str) -> Option<&'static Renumbered> {
        let mut enums = self.enums.iter().copied().flatten();
        enums.find(|renumbered| renumbered.name == name)
    }
}

/// How many bytes of stack it may take to read a value. Reading recurses, and a
/// payload that nests too deep would overflow the stack and abort the process. A
/// level of one type takes ten times as much as that of another, and more without
/// optimisation, so the stack is measured instead of counting levels. Threads of
/// std and tokio have two mebibytes.
const MAX_STACK: usize = 1 << 20;

/// A value, serializer, deserializer, visitor or seed with the numbering that holds
/// for it. `Under<&T>` serializes the value, `Under<PhantomData<T>>` is the seed that
/// deserializes a `T`.
#[derive(Debug)]
pub(crate) struct Under<T> {
    part: T,
    place: Place,
}

/// What an adapter knows about where in a value it is.
#[derive(Debug, Clone, Copy)]
struct Place {
    numbering: &'static Numbering,
    /// An address on the stack from when the adapter was made.
    stack: usize,
}

impl<T> Under<T> {
    /// An adapter for a whole value.
    pub(crate) fn new(part: T, numbering: &'static Numbering) -> Under<T> {
        let place = Place {
            numbering,
            stack: stack(),
        };
        Under { part, place }
    }

    /// The same place, another adapted thing.
    fn with<U>(&self, part: U) -> Under<U> {
        let place = self.place;
        Under { part, place }
    }
}

impl Place {
    /// The inside of a struct.
    fn within(self, name: &str) -> Place {
        let found = self.numbering.inside.iter().find(|(of, _)| *of == name);
        Place {
            numbering: found.map_or(self.numbering, |(_, numbering)| numbering),
            ..self
        }
    }

    /// Whether there is stack for another level.
    fn has_stack(self) -> bool {
        self.stack.abs_diff(stack()) < MAX_STACK
    }
}

/// The address of a local variable, which tells how much stack is in use.
fn stack() -> usize {
    let here = 0u8;
    std::ptr::from_ref(&here).addr()
}
