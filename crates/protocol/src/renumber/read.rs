//! The side that reads: a deserializer that replaces numbers and hands everything
//! else on.
//!
//! Invariants: every value within a value goes through the adapter again; for
//! formats that do not describe themselves only (bincode), so what a visitor can
//! be shown is what its type asks for.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use super::{Place, Renumbered, Under};

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Under<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.part.deserialize(deserializer)
    }
}

/// Errors: too much stack is in use to read another level.
fn expect_stack<E: Error>(place: Place) -> Result<(), E> {
    if place.has_stack() {
        Ok(())
    } else {
        Err(E::custom("values nest too deep"))
    }
}

/// Methods for values that hold no others.
macro_rules! plain {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.part.$method(visitor)
        })*
    };
}

/// Methods for values that hold others.
macro_rules! nested {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            let visitor = self.with(visitor);
            self.part.$method($($argument,)* visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Under<D> {
    type Error = D::Error;

    plain! {
        deserialize_any
        deserialize_bool
        deserialize_i8
        deserialize_i16
        deserialize_i32
        deserialize_i64
        deserialize_i128
        deserialize_u8
        deserialize_u16
        deserialize_u32
        deserialize_u64
        deserialize_u128
        deserialize_f32
        deserialize_f64
        deserialize_char
        deserialize_str
        deserialize_string
        deserialize_bytes
        deserialize_byte_buf
        deserialize_unit
        deserialize_identifier
        deserialize_ignored_any
    }

    nested! {
        deserialize_option()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map()
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        expect_stack(self.place)?;
        let visitor = Under {
            part: visitor,
            place: self.place.within(name),
        };
        self.part.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        expect_stack(self.place)?;
        let visitor = EnumVisitor {
            renumbered: self.place.numbering.of(name),
            visitor: self.with(visitor),
        };
        self.part.deserialize_enum(name, variants, visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.part.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Under<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.part.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.part.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.part.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.part.visit_some(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        let deserializer = self.with(deserializer);
        self.part.visit_newtype_struct(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.part.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = self.with(access);
        self.part.visit_map(access)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Under<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let seed = self.with(seed);
        self.part.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.part.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Under<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let seed = self.with(seed);
        self.part.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.with(seed);
        self.part.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.part.size_hint()
    }
}

/// The visitor of an enum, and how that enum is renumbered.
struct EnumVisitor<V> {
    renumbered: Option<&'static Renumbered>,
    visitor: Under<V>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for EnumVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = Variant {
            renumbered: self.renumbered,
            access: self.visitor.with(access),
        };
        self.visitor.part.visit_enum(access)
    }
}

/// The access to an enum's number, or what reads it, and how it is renumbered.
struct Variant<A> {
    renumbered: Option<&'static Renumbered>,
    access: Under<A>,
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Variant<A> {
    type Error = A::Error;
    type Variant = Under<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let seed = Number {
            renumbered: self.renumbered,
            seed,
        };
        let Under { part, place } = self.access;
        let (value, part) = part.variant_seed(seed)?;
        Ok((value, Under { part, place }))
    }
}

/// Reads a variant's number on the wire and shows its number in the type.
struct Number<S> {
    renumbered: Option<&'static Renumbered>,
    seed: S,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Number<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let Some(renumbered) = self.renumbered else {
            return self.seed.deserialize(deserializer);
        };
        let number = u32::deserialize(deserializer)?;
        let variant = renumbered.in_type(number).map_err(|lacking| {
            let name = renumbered.name;
            D::Error::custom(format_args!(
                "only this version of the wire has {name}::{lacking}"
            ))
        })?;
        self.seed.deserialize(variant.into_deserializer())
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Under<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.part.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.with(seed);
        self.part.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.part.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor);
        self.part.struct_variant(fields, visitor)
    }
}
