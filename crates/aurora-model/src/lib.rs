//! Values, types, scopes, mustaches and the Thermos and Aurora schema.
