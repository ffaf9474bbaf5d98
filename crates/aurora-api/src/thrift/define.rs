//! The macros that turn a table of fields into a Rust type with its codec.
//!
//! Every line of a table holds the field id, the name in the IDL, the Rust name and the type:
//!
//! ```
//! aurora_api::thrift_struct! {
//!     /// A place on a shelf.
//!     pub struct Place {
//!         /// Which shelf.
//!         1 "shelfName" => shelf_name: String,
//!         /// Where on it.
//!         2 "slots" => slots: aurora_api::thrift::Set<i32>,
//!     }
//! }
//! let place = Place { shelf_name: Some("top".into()), slots: Some(vec![1, 2]) };
//! let bytes = aurora_api::thrift::encode_binary(&place);
//! assert_eq!(aurora_api::thrift::decode_binary::<Place>(&bytes), Ok(place));
//! ```
//!
//! Every field becomes an `Option`: Thrift tells unset from empty. `= value` after the type gives a field the value that
//! `Default` and the decoder start from.

/// Declares a Thrift struct. See [`crate::thrift::define`].
#[macro_export]
macro_rules! thrift_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $id:literal $idl:literal => $field:ident: $type:ty $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                pub $field: ::core::option::Option<$crate::thrift::Value<$type>>,
            )*
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $crate::thrift_struct!(@default $($default)?),)*
                }
            }
        }

        impl $crate::thrift::Field for $name {
            type Value = Self;
            const WIRE: $crate::thrift::WireType = $crate::thrift::WireType::Struct;

            #[allow(unused_variables, reason = "a struct may have no fields")]
            fn write<W: $crate::thrift::Writer>(value: &Self, writer: &mut W) {
                writer.struct_begin();
                $(
                    if let ::core::option::Option::Some(content) = &value.$field {
                        writer.field_begin(<$type as $crate::thrift::Field>::WIRE, $id, $idl);
                        <$type as $crate::thrift::Field>::write(content, writer);
                        writer.field_end();
                    }
                )*
                writer.struct_end();
            }

            #[allow(unused_mut, reason = "a struct may have no fields")]
            fn read<R: $crate::thrift::Reader>(
                reader: &mut R,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::thrift::DecodeError> {
                let mut read = <Self as ::core::default::Default>::default();
                reader.struct_begin()?;
                while let ::core::option::Option::Some((wire, id)) = reader.field_begin()? {
                    match (id, wire) {
                        $(
                            ($id, <$type as $crate::thrift::Field>::WIRE) => {
                                read.$field = <$type as $crate::thrift::Field>::read(reader)
                                    .map_err(|error| error.within($idl))?;
                            }
                        )*
                        (_, unknown) => reader.skip(unknown)?,
                    }
                    reader.field_end()?;
                }
                reader.struct_end()?;
                ::core::result::Result::Ok(::core::option::Option::Some(read))
            }

            fn fill(value: &mut Self) {
                <Self as $crate::thrift::Struct>::fill_unset(value);
            }
        }

        impl $crate::thrift::Struct for $name {
            const NAME: &'static str = ::core::stringify!($name);

            fn fill_unset(&mut self) {
                $(
                    match &mut self.$field {
                        ::core::option::Option::Some(content) => {
                            <$type as $crate::thrift::Field>::fill(content);
                        }
                        unset => *unset = <$type as $crate::thrift::Field>::when_unset(),
                    }
                )*
            }
        }
    };
    (@default) => { ::core::option::Option::None };
    (@default $default:expr) => { ::core::option::Option::Some($default) };
}

/// Declares a Thrift union, which holds exactly one of its members. See [`crate::thrift::define`].
#[macro_export]
macro_rules! thrift_union {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$member_meta:meta])*
                $id:literal $idl:literal => $member:ident($type:ty)
            ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant, reason = "the members are what the IDL says")]
        pub enum $name {
            $(
                $(#[$member_meta])*
                $member($crate::thrift::Value<$type>),
            )+
        }

        impl $crate::thrift::Field for $name {
            type Value = Self;
            const WIRE: $crate::thrift::WireType = $crate::thrift::WireType::Struct;

            fn write<W: $crate::thrift::Writer>(value: &Self, writer: &mut W) {
                writer.struct_begin();
                match value {
                    $(
                        Self::$member(content) => {
                            writer.field_begin(<$type as $crate::thrift::Field>::WIRE, $id, $idl);
                            <$type as $crate::thrift::Field>::write(content, writer);
                        }
                    )+
                }
                writer.field_end();
                writer.struct_end();
            }

            fn read<R: $crate::thrift::Reader>(
                reader: &mut R,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::thrift::DecodeError> {
                let mut read = ::core::option::Option::None;
                let mut members = 0_usize;
                reader.struct_begin()?;
                while let ::core::option::Option::Some((wire, id)) = reader.field_begin()? {
                    match (id, wire) {
                        $(
                            ($id, <$type as $crate::thrift::Field>::WIRE) => {
                                let content = <$type as $crate::thrift::Field>::read(reader)
                                    .map_err(|error| error.within($idl))?;
                                if let ::core::option::Option::Some(content) = content {
                                    read = ::core::option::Option::Some(Self::$member(content));
                                    members += 1;
                                }
                            }
                        )+
                        (_, unknown) => reader.skip(unknown)?,
                    }
                    reader.field_end()?;
                }
                reader.struct_end()?;
                if members == 1 {
                    ::core::result::Result::Ok(read)
                } else {
                    ::core::result::Result::Err(reader.error($crate::thrift::Malformed::NotOneMember {
                        union: <Self as $crate::thrift::Struct>::NAME,
                        members,
                    }))
                }
            }

            fn fill(value: &mut Self) {
                <Self as $crate::thrift::Struct>::fill_unset(value);
            }
        }

        impl $crate::thrift::Struct for $name {
            const NAME: &'static str = ::core::stringify!($name);

            fn fill_unset(&mut self) {
                match self {
                    $(Self::$member(content) => <$type as $crate::thrift::Field>::fill(content),)+
                }
            }
        }
    };
}

/// Declares a Thrift enum. Numbers it does not know decode to "unset". See [`crate::thrift::define`].
#[macro_export]
macro_rules! thrift_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $(
                $(#[$variant_meta:meta])*
                $number:literal $idl:literal => $variant:ident
            ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(
                $(#[$variant_meta])*
                $variant,
            )+
        }

        impl $name {
            /// Every value, in the order of the IDL.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value a wire number stands for, `None` if there is none.
            #[must_use]
            pub fn from_i32(number: i32) -> ::core::option::Option<Self> {
                match number {
                    $($number => ::core::option::Option::Some(Self::$variant),)+
                    _ => ::core::option::Option::None,
                }
            }

            /// The number on the wire.
            #[must_use]
            pub fn number(self) -> i32 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// The name in the IDL.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $idl,)+
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::thrift::UnknownName;

            fn from_str(name: &str) -> ::core::result::Result<Self, Self::Err> {
                match name {
                    $($idl => ::core::result::Result::Ok(Self::$variant),)+
                    _ => ::core::result::Result::Err($crate::thrift::UnknownName {
                        type_name: ::core::stringify!($name),
                        name: name.to_owned(),
                        known: &[$($idl),+],
                    }),
                }
            }
        }

        impl $crate::thrift::Field for $name {
            type Value = Self;
            const WIRE: $crate::thrift::WireType = $crate::thrift::WireType::I32;

            fn write<W: $crate::thrift::Writer>(value: &Self, writer: &mut W) {
                writer.enumeration(value.number(), value.as_str());
            }

            fn read<R: $crate::thrift::Reader>(
                reader: &mut R,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::thrift::DecodeError> {
                ::core::result::Result::Ok(Self::from_i32(reader.i32()?))
            }
        }
    };
}

/// A text that is not the name of any value of an enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not a {type_name}, which is one of {}", known.join(", "))]
pub struct UnknownName {
    /// The enum's name in the IDL.
    pub type_name: &'static str,
    /// The text.
    pub name: String,
    /// The names that exist.
    pub known: &'static [&'static str],
}
