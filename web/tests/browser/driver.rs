//! A browser to test with: the W3C's WebDriver protocol over one connection a command.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a condition may take to become true.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the driver may take to answer a command: it starts a browser, or loads a page.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);
/// WebDriver's name for the identifier of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser at a time: several would only wait for each other's processor time.
static ONE: Mutex<()> = Mutex::new(());

/// A browser. It ends when it is dropped.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _one: MutexGuard<'static, ()>,
}

/// Keys as WebDriver writes them.
pub(crate) mod key {
    pub(crate) const ESCAPE: &str = "\u{e00c}";
    pub(crate) const DOWN: &str = "\u{e015}";
}

/// What chromedriver says if there is no browser.
const NO_BROWSER: &[&str] = &["cannot find Chrome binary", "no chrome binary"];

/// Says that a test is skipped, which `RGOPS_NO_SKIP` does not allow.
fn skip(why: &str) {
    assert!(std::env::var_os("RGOPS_NO_SKIP").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

impl Browser {
    /// A browser with an empty window of 1280 × 800; `None` if there is none on this machine.
    pub(crate) fn start() -> Option<Browser> {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let started =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut driver) = started else {
            skip("chromedriver is missing: apt install chromium-driver");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Browser {
            driver,
            port: port.expect("chromedriver says its port"),
            session: String::new(),
            _one: one,
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1280,800",
            "--hide-scrollbars",
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = match browser.try_command("POST", "/session", &wanted) {
            Err(error) if NO_BROWSER.iter().any(|text| error.contains(text)) => {
                skip(&format!("chromium is missing: apt install chromium ({error})"));
                return None;
            }
            session => session.expect("the driver starts a browser"),
        };
        browser.session =
            format!("/session/{}", session["sessionId"].as_str().expect("a session has an identifier"));
        browser.size(1280, 800);
        Some(browser)
    }

    /// Opens an address, and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    /// The address that is shown.
    pub(crate) fn url(&self) -> String {
        self.get("/url").as_str().unwrap().to_owned()
    }

    /// Goes back, as the button does.
    pub(crate) fn back(&self) {
        self.post("/back", json!({}));
    }

    /// The value of a body of a function, which `return`s it. `arguments` are JSON.
    pub(crate) fn script(&self, body: &str) -> Value {
        self.post("/execute/sync", json!({ "script": body, "args": [] }))
    }

    /// Waits until an expression is true.
    pub(crate) fn wait(&self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        let script = json!({ "script": format!("return Boolean({expression})"), "args": [] });
        loop {
            let is_true = self.try_command("POST", &format!("{}/execute/sync", self.session), &script);
            if is_true == Ok(Value::Bool(true)) {
                return;
            }
            assert!(Instant::now() < end, "{expression} is not true at {}: {is_true:?}", self.url());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Clicks the first element of a CSS selector, as a user does: it has to be visible, and nothing before it.
    pub(crate) fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), json!({}));
    }

    /// Types into the first element of a CSS selector.
    pub(crate) fn keys(&self, selector: &str, keys: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/value"), json!({ "text": keys }));
    }

    /// Types where the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let element = self.get("/element/active");
        let element = element[ELEMENT].as_str().expect("something has the focus").to_owned();
        self.post(&format!("/element/{element}/value"), json!({ "text": keys }));
    }

    /// The texts of all elements of a CSS selector, as they are shown.
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        let script =
            format!("return [...document.querySelectorAll({})].map(of => of.innerText)", json!(selector));
        let texts = self.script(&script);
        texts.as_array().unwrap().iter().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Sets the size of the window.
    pub(crate) fn size(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.chrome("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// What the system prefers: dark or light.
    pub(crate) fn prefer_dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.chrome("Emulation.setEmulatedMedia", features);
    }

    /// Whether pages may run scripts.
    pub(crate) fn allow_scripts(&self, may_run: bool) {
        self.chrome("Emulation.setScriptExecutionDisabled", json!({ "value": !may_run }));
    }

    /// A command of Chromium's own protocol.
    pub(crate) fn chrome(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    /// What is shown, as a PNG file.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        use base64::Engine as _;
        let text = self.get("/screenshot");
        base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
    }

    /// Errors and warnings that pages wrote to the console since the last call: of scripts, of the security policy, and
    /// of files that are missing.
    pub(crate) fn console_errors(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" }));
        let entries = log.as_array().unwrap().iter();
        let bad = entries.filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")));
        bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Hosts that the page was loaded from, and asked.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let hosts = self.script(
            "return [...new Set([location.host, ...performance.getEntriesByType('resource')
                .map(of => new URL(of.name)).filter(of => of.protocol != 'data:').map(of => of.host)])]",
        );
        hosts.as_array().unwrap().iter().map(|host| host.as_str().unwrap().to_owned()).collect()
    }

    fn element(&self, selector: &str) -> String {
        self.wait(&format!("document.querySelector({})", json!(selector)));
        let found = self.post("/element", json!({ "using": "css selector", "value": selector }));
        found[ELEMENT].as_str().expect("an element has an identifier").to_owned()
    }

    fn get(&self, path: &str) -> Value {
        self.command("GET", &format!("{}{path}", self.session), &Value::Null)
    }

    fn post(&self, path: &str, body: Value) -> Value {
        self.command("POST", &format!("{}{path}", self.session), &body)
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_command(method, path, body).unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    fn try_command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|error| error.to_string())?;
        // A browser that hangs is an error, and not a test that never ends.
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(|error| error.to_string())?;
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n", self.port);
        let length = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &length + &body).as_bytes()).map_err(|error| error.to_string())?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
                return Err("the driver ended its answer early".to_owned());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().map_err(|_| line.clone())?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) if value.get("message").is_some() => Err(format!("{error}: {}", value["message"])),
            _ => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.try_command("DELETE", &self.session, &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
