//! Files are opened here and in the places listed, nowhere else.
