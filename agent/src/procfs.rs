//! placeholder: readers of /proc/self
