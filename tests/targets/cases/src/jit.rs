//! Code made at run time that calls back into Rust and computes on its own: `cases jit fp|nofp [MAP]`, with or without
//! a frame pointer. MAP is the name that `/tmp/perf-PID.map` gives it; without it there is no such file.

use std::time::{Duration, Instant};

/// A function with the C ABI.
type Function = extern "C" fn(u64) -> u64;

#[inline(never)]
extern "C" fn callback(mut number: u64) -> u64 {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(20) {
        number = std::hint::black_box(number.wrapping_mul(3));
    }
    number
}

/// Instructions that call `callback`, then count down from 40 million.
#[cfg(target_arch = "x86_64")]
fn instructions(has_frame_pointer: bool) -> Vec<u8> {
    let address = callback as Function as usize as u64;
    let (begin, end): (&[u8], &[u8]) = match has_frame_pointer {
        // push rbp; mov rbp, rsp, and pop rbp; ret.
        true => (&[0x55, 0x48, 0x89, 0xe5], &[0x5d, 0xc3]),
        // sub rsp, 8, and add rsp, 8; ret: the call needs an aligned stack.
        false => (&[0x48, 0x83, 0xec, 8], &[0x48, 0x83, 0xc4, 8, 0xc3]),
    };
    let mut code = begin.to_vec();
    // mov rax, callback; call rax
    code.extend([0x48, 0xb8]);
    code.extend(address.to_le_bytes());
    code.extend([0xff, 0xd0]);
    // mov ecx, 40000000; dec ecx; jnz to the dec
    code.push(0xb9);
    code.extend(40_000_000_u32.to_le_bytes());
    code.extend([0xff, 0xc9, 0x75, 0xfc]);
    code.extend(end);
    code
}

#[cfg(not(target_arch = "x86_64"))]
fn instructions(_: bool) -> Vec<u8> {
    eprintln!("cases jit: it has code for x86-64 only");
    std::process::exit(2)
}

pub(crate) fn run(arguments: &[String]) {
    let code = instructions(arguments.first().is_some_and(|how| how == "fp"));
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let writable = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address that the kernel chooses, which is written within its page before it is made
    // executable, and which stays for the life of the process.
    let page = unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, writable, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        std::ptr::copy_nonoverlapping(code.as_ptr(), page.cast::<u8>(), code.len());
        assert_eq!(libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC), 0);
        page
    };
    if let Some(name) = arguments.get(1) {
        let line = format!("{:x} {:x} {name}\n", page.addr(), code.len());
        std::fs::write(format!("/tmp/perf-{}.map", std::process::id()), line).expect("a file in /tmp");
    }
    // SAFETY: the instructions in the page follow the C ABI for a function of this type.
    let made = unsafe { std::mem::transmute::<*mut libc::c_void, Function>(page) };
    loop {
        std::hint::black_box(made(std::hint::black_box(3)));
    }
}
