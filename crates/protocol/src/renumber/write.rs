//! The side that writes: a serializer that replaces numbers and hands everything
//! else on.
//!
//! Invariant: every value within a value goes through the adapter again.

use std::fmt::Display;

use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use super::{Numbering, Under};

impl<T: Serialize + ?Sized> Serialize for Under<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.part.serialize(self.with(serializer))
    }
}

impl Numbering {
    fn on_wire<E: Error>(&self, name: &str, variant: u32) -> Result<u32, E> {
        let Some(renumbered) = self.of(name) else {
            return Ok(variant);
        };
        renumbered.on_wire(variant).map_err(|lacking| {
            let what = format_args!("this version of the wire has no {name}::{lacking}");
            E::custom(what)
        })
    }
}

/// Methods for values that hold no others.
macro_rules! plain {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(fn $method(self, $($argument: $type),*) -> Result<S::Ok, S::Error> {
            self.part.$method($($argument),*)
        })*
    };
}

/// Methods that begin a value of several parts.
macro_rules! begin {
    ($($method:ident($($argument:ident: $type:ty),*) -> $parts:ident)*) => {
        $(fn $method(self, $($argument: $type),*) -> Result<Self::$parts, S::Error> {
            let Under { part, place } = self;
            let part = part.$method($($argument),*)?;
            Ok(Under { part, place })
        })*
    };
}

/// Methods that begin a variant of several parts.
macro_rules! begin_variant {
    ($($method:ident -> $parts:ident)*) => {
        $(fn $method(
            self,
            name: &'static str,
            index: u32,
            variant: &'static str,
            len: usize,
        ) -> Result<Self::$parts, S::Error> {
            let Under { part, place } = self;
            let index = place.numbering.on_wire(name, index)?;
            let part = part.$method(name, index, variant, len)?;
            Ok(Under { part, place })
        })*
    };
}

impl<S: Serializer> Serializer for Under<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Under<S::SerializeSeq>;
    type SerializeTuple = Under<S::SerializeTuple>;
    type SerializeTupleStruct = Under<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Under<S::SerializeTupleVariant>;
    type SerializeMap = Under<S::SerializeMap>;
    type SerializeStruct = Under<S::SerializeStruct>;
    type SerializeStructVariant = Under<S::SerializeStructVariant>;

    plain! {
        serialize_bool(value: bool)
        serialize_i8(value: i8)
        serialize_i16(value: i16)
        serialize_i32(value: i32)
        serialize_i64(value: i64)
        serialize_i128(value: i128)
        serialize_u8(value: u8)
        serialize_u16(value: u16)
        serialize_u32(value: u32)
        serialize_u64(value: u64)
        serialize_u128(value: u128)
        serialize_f32(value: f32)
        serialize_f64(value: f64)
        serialize_char(value: char)
        serialize_str(value: &str)
        serialize_bytes(value: &[u8])
        serialize_none()
        serialize_unit()
        serialize_unit_struct(name: &'static str)
    }

    begin! {
        serialize_seq(len: Option<usize>) -> SerializeSeq
        serialize_tuple(len: usize) -> SerializeTuple
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct
        serialize_map(len: Option<usize>) -> SerializeMap
    }

    begin_variant! {
        serialize_tuple_variant -> SerializeTupleVariant
        serialize_struct_variant -> SerializeStructVariant
    }

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        Ok(Under {
            part: self.part.serialize_struct(name, len)?,
            place: self.place.within(name),
        })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.with(value);
        self.part.serialize_some(&value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.with(value);
        self.part.serialize_newtype_struct(name, &value)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        let index = self.place.numbering.on_wire(name, index)?;
        self.part.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let index = self.place.numbering.on_wire(name, index)?;
        let value = self.with(value);
        self.part
            .serialize_newtype_variant(name, index, variant, &value)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.part.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.part.is_human_readable()
    }
}

/// Implements the traits of compound serializers, whose methods take a part each.
macro_rules! parts {
    ($($trait:ident: $($method:ident($($key:ident)?))*;)*) => {
        $(impl<S: $trait> $trait for Under<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), S::Error> {
                let value = self.with(value);
                self.part.$method($($key,)? &value)
            })*

            fn end(self) -> Result<S::Ok, S::Error> {
                self.part.end()
            }
        })*
    };
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key() serialize_value();
    SerializeStruct: serialize_field(name);
    SerializeStructVariant: serialize_field(name);
}
