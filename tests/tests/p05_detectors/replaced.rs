//! Functions of the C library that the handler must not call, replaced for the whole program: the linker and the
//! loader prefer those of the executable to the library's.

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::forbid_inside_the_handler;

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    forbid_inside_the_handler(c"malloc");
    // SAFETY: the same function of the library; its precondition is the caller's.
    unsafe { __libc_malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    forbid_inside_the_handler(c"calloc");
    // SAFETY: as in `malloc`.
    unsafe { __libc_calloc(count, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    forbid_inside_the_handler(c"realloc");
    // SAFETY: as in `malloc`.
    unsafe { __libc_realloc(block, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    forbid_inside_the_handler(c"posix_memalign");
    // SAFETY: as in `malloc`; the caller guarantees that `place` is valid.
    unsafe {
        *place = __libc_memalign(alignment, size);
        if (*place).is_null() { libc::ENOMEM } else { 0 }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    forbid_inside_the_handler(c"free");
    // SAFETY: as in `malloc`.
    unsafe { __libc_free(block) }
}

/// Defines a function that aborts inside the handler, and otherwise calls the library's.
macro_rules! forwarded {
    ($($name:ident($($argument:ident: $type:ty),*));* $(;)?) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> c_int {
            static NEXT: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
            const NAME: &str = concat!(stringify!($name), "\0");
            let name = CStr::from_bytes_with_nul(NAME.as_bytes()).unwrap();
            forbid_inside_the_handler(name);
            let mut next = NEXT.load(Ordering::Relaxed);
            if next.is_null() {
                // SAFETY: dlsym(3) reads a string that ends with a zero byte.
                next = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
                NEXT.store(next, Ordering::Relaxed);
            }
            // SAFETY: the library's function of this name has this type.
            unsafe {
                let next: unsafe extern "C" fn($($type),*) -> c_int = std::mem::transmute(next);
                next($($argument),*)
            }
        }
    )*};
}

type Visit = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;

forwarded! {
    pthread_mutex_lock(mutex: *mut libc::pthread_mutex_t);
    pthread_mutex_trylock(mutex: *mut libc::pthread_mutex_t);
    pthread_rwlock_rdlock(lock: *mut libc::pthread_rwlock_t);
    pthread_rwlock_wrlock(lock: *mut libc::pthread_rwlock_t);
    dl_iterate_phdr(visit: Visit, context: *mut c_void);
}
