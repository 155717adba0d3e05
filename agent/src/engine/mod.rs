//! placeholder: the one place with unsafe code
