//! The page's entry. It runs in a browser; natively there is only the library's core, for tests.

#[cfg(target_arch = "wasm32")]
fn main() {
    afterglow_dashboard::edge::view::launch();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("this is a page: build it with `cargo xtask dashboard` and open it through the backend");
    std::process::exit(2);
}
