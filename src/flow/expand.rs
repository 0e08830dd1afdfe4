//! Subflow instances made flat.
