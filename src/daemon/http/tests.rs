//! The page over a real connection on loopback, with a clock that the test sets and a keeper that only answers.

use std::collections::VecDeque;
use std::sync::Mutex as Lock;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::*;
use crate::clock::SystemEntropy;
use crate::daemon::board::AtWork;
use crate::daemon::seat::Seat;
use crate::engine::Wish;
use crate::journal::Note;
use crate::order::{Account, Deed, Demand, Ledger, Mark, Post, Roster};
use crate::rotation::Event;

const LOOKS: &str = "a token that only looks";
const ADA: &str = "the token of ada, whole";
const BOB: &str = "the token of bob, whole";
const HOSTILE: &str = "<script>alert(1)</script>\"'\u{202e}&";

/// A clock that stands still until it is set.
#[derive(Default)]
struct Set(Lock<Duration>);

#[async_trait]
impl Clock for Set {
    fn now(&self) -> Timestamp {
        "2026-07-01T12:00:00Z".parse().expect("a time")
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().expect("the time")
    }

    async fn sleep(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}

struct House {
    http: Http,
    clock: Arc<Set>,
    board: Arc<Board>,
    orders: mpsc::Receiver<Order>,
    journal: Arc<dyn Journal>,
    _folder: TempDir,
}

/// What came back.
struct Came {
    status: u16,
    head: String,
    body: String,
}

impl Came {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The value of a hidden field.
    fn hidden(&self, name: &str) -> String {
        let before = format!("name=\"{name}\" value=\"");
        let rest = self.body.split_once(&before).unwrap_or_else(|| panic!("no {name}: {}", self.body)).1;
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl House {
    async fn open(token: Option<&str>, persons: &[(&str, &str)]) -> Self {
        Self::within(Limits::USUAL, None, token, persons).await
    }

    async fn within(limits: Limits, tls: Option<Tls>, token: Option<&str>, persons: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let place = Place::File(folder.path().join("journal.db"));
        let journal: Arc<dyn Journal> = Arc::from(place.open().await.expect("a journal"));
        let (board, clock) = (Arc::new(Board::default()), Arc::new(Set::default()));
        let wish = |name: &str| Wish { account: name.to_owned(), ..Wish::default() };
        board.seated(Arc::new(Roster::by_hand(["MSOL_1", HOSTILE].map(wish))));
        board.round(Duration::ZERO, AtWork::default());
        let (sender, orders) = mpsc::channel(4);
        let secret = |text: &str| Secret::from(text.to_owned());
        let setting = HttpSetting {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls,
            token: token.map(secret),
            persons: persons.iter().map(|(name, token)| ((*name).to_owned(), secret(token))).collect(),
            host: HOSTILE.to_owned(),
        };
        let shown = Shown {
            board: Arc::clone(&board),
            clock: Arc::<Set>::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            journal: Arc::clone(&journal),
            place,
            orders: sender,
        };
        let http = Http::start_within(&setting, shown, limits).expect("it listens");
        Self { http, clock, board, orders, journal, _folder: folder }
    }

    /// One with a token to look and two persons.
    async fn furnished() -> Self {
        Self::open(Some(LOOKS), &[("ada", ADA), (HOSTILE, BOB)]).await
    }

    fn later(&self, length: Duration) {
        *self.clock.0.lock().expect("the time") += length;
    }

    /// Accounts of these names, and no other.
    fn seats(&self, names: impl Iterator<Item = String>) {
        self.board.seated(Arc::new(Roster::by_hand(names.map(|account| Wish { account, ..Wish::default() }))));
    }

    /// The keeper has looked at an account, whose password may be a day old.
    async fn looked_at(&self, name: &str, has_limit: bool) {
        let mut post = Post::by_hand(Wish { account: name.to_owned(), ..Wish::default() });
        post.policy.max_age = has_limit.then(|| jiff::SignedDuration::from_hours(24));
        let now = self.clock.now();
        let account = Account::read(&*self.journal, &Ledger::default(), name, None, 3, now).await.expect("read");
        let mut seat = Seat::new(post, account, now, false);
        seat.decide(now, now);
        self.board.account(&seat, now);
    }

    /// An interrupted rotation.
    async fn begun(&self, id: &str, account: &str) {
        let event = BEGUN.replace("NAME", account);
        self.journal.begin(id, account, self.clock.now(), &event_of(&event)).await.expect("begun");
    }

    /// What happens to it.
    async fn happens(&self, id: &str, seq: i64, event: &str) {
        self.journal.append(id, 1, seq, self.clock.now(), &event_of(event)).await.expect("appended");
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Came {
        let address = self.http.address;
        let length = body.len();
        let host =
            if headers.to_lowercase().contains("host:") { String::new() } else { format!("host: {address}\r\n") };
        let text = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut bytes = Vec::new();
        // One that refuses a body may close before it was read.
        let _ = stream.read_to_end(&mut bytes).await;
        let answer = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Came { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A connection from an address of this machine, with room for few bytes that nobody reads.
    async fn connect(&self, from: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(16 * 1024).expect("it is small");
        socket.bind((from, 0).into()).expect("an address of this machine");
        socket.connect(self.http.address).await.expect("it listens")
    }

    async fn get(&self, path: &str, headers: &str) -> Came {
        self.ask("GET", path, headers, "").await
    }

    /// As a browser sends a form of ours.
    fn ours(&self) -> String {
        format!("origin: http://{}\r\nsec-fetch-site: same-origin\r\n", self.http.address)
    }

    async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Came {
        self.ask("POST", path, &format!("{}{cookie}", self.ours()), &form(fields)).await
    }

    /// Signs in; the header with the cookie.
    async fn signed_in(&self, token: &str) -> String {
        let came = self.post("/login", "", &[("token", token), ("next", "/held")]).await;
        assert_eq!((came.status, came.header("location")), (303, Some("/held")), "{}", came.body);
        let kept = came.header("set-cookie").expect("a cookie").to_owned();
        format!("cookie: {}\r\n", kept.split(';').next().unwrap_or_default())
    }

    /// The form of an order, with all that it brings back but the name.
    async fn shown(&self, cookie: &str, account: &str) -> Vec<(&'static str, String)> {
        let came = self.get(&format!("/order?{}", form(&[("what", "rotate"), ("account", account)])), cookie).await;
        assert_eq!(came.status, 200, "{}", came.body);
        vec![("csrf", came.hidden("csrf")), ("form", came.hidden("form"))]
    }

    /// Sends an order, with a keeper that answers `answers` in turn; what it was asked.
    async fn ordered(
        &mut self,
        headers: &str,
        fields: &[(&str, String)],
        answers: &[Result<(), String>],
    ) -> (Came, Vec<Demand>) {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = form(&fields);
        let (mut asked, mut answers) = (Vec::new(), VecDeque::from(answers.to_vec()));
        let mut orders = std::mem::replace(&mut self.orders, mpsc::channel(1).1);
        let came = {
            let mut came = Box::pin(self.ask("POST", "/order", headers, &body));
            loop {
                tokio::select! {
                    came = &mut came => break came,
                    Some(Order::Demand(demand, answer)) = orders.recv() => {
                        asked.push(demand);
                        if let Some(told) = answers.pop_front() {
                            let _ = answer.send(told);
                        }
                    }
                }
            }
        };
        self.orders = orders;
        (came, asked)
    }
}

/// A rotation of two steps.
const BEGUN: &str = r#"{"event":"begun","plan":{"steps":["stage","directory"],"pivot":1,"old":"known","inventory":{"account":"NAME",
    "procedure":"connector","vault_name":"NAME","dn":"CN=NAME","fingerprint":{"dc":"dc1","key_version":2,"password_last_set":3,
    "dc_time":4},"old":"known","method":"reset","engine_method":"object-model","servers":[],"quiesce":"gap","scheduler_owed":null,
    "owed_by_repaired":null,"repair":false,"repairs":[],"takes_over":[],"entra_administrator":null,"length":64,
    "forbidden_names":[],"credentials":[],"limits":{"tries_max":3,"waits_max":30,"converge_tries_max":36,"looks_max":6,
    "retry_ms":500,"retry_max_ms":30000}}},"initiator":"me@host","reason":"","ticket":"","trigger":{"by":"person"}}"#;
const HELD: &str = r#"{"event":"held","why":{"reason":"journal-behind","seen":"a newer value"}}"#;
const RESUMED: &str = r#"{"event":"resumed","by":"bob"}"#;

fn event_of(text: &str) -> Event {
    serde_json::from_str(text).expect("an event")
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}

const PAGES: [&str; 7] = ["/", "/running", "/held", "/history", "/conditions", "/reports", "/nothing"];

#[tokio::test]
async fn without_a_token_whoever_is_here_looks_and_nobody_orders() {
    let house = House::open(None, &[]).await;
    for path in PAGES {
        let came = house.get(path, "").await;
        assert_eq!(came.status, if path == "/nothing" { 404 } else { 200 }, "{path}");
        assert_eq!(came.header("content-security-policy"), Some(door::POLICY));
        let headers =
            ["x-content-type-options", "x-frame-options", "referrer-policy", "cache-control", "permissions-policy"];
        assert!(headers.iter().all(|name| came.header(name).is_some()), "{}", came.head);
        assert!(!came.body.contains("<script") && came.body.contains("&#60;script&#62;"), "{}", came.body);
        assert!(!came.body.contains('\u{202e}') && !came.body.contains("Rotate now"), "{}", came.body);
    }
    for path in ["/order?what=rotate&account=MSOL_1", "/ordered?account=MSOL_1"] {
        assert_eq!(house.get(path, "").await.status, 404, "{path}");
    }
    assert_eq!(house.post("/order", "", &[("account", "MSOL_1")]).await.status, 404);
    assert_eq!(house.get("/api/status", "").await.status, 404);
    assert_eq!(house.get("/metrics", "").await.status, 200);
}

#[tokio::test]
async fn it_answers_to_its_own_names_alone() {
    let house = House::open(None, &[]).await;
    for (host, status) in [
        ("localhost", 200),
        ("localhost:9464", 200),
        ("127.0.0.1", 200),
        ("[::1]:1", 200),
        ("evil.test", 421),
        ("127.0.0.1.evil.test:9464", 421),
        ("LOCALHOST.evil", 421),
        ("", 421),
    ] {
        for path in ["/", "/metrics"] {
            assert_eq!(house.get(path, &format!("host: {host}\r\n")).await.status, status, "{path} {host}");
        }
        // What a probe asks tells nothing.
        assert_eq!(house.get("/livez", &format!("host: {host}\r\n")).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn nobody_looks_without_signing_in() {
    let house = House::furnished().await;
    for path in PAGES {
        let came = house.get(path, "").await;
        let next = if path == "/" { "/login".to_owned() } else { format!("/login?next=%2F{}", &path[1..]) };
        assert_eq!((came.status, came.header("location")), (303, Some(next.as_str())), "{path}");
    }
    for (path, status) in [("/style.css", 200), ("/icon.svg", 200), ("/login", 200), ("/livez", 200)] {
        assert_eq!(house.get(path, "").await.status, status, "{path}");
    }
    for wrong in ["cookie: entra-rotator=x\r\n", "cookie: entra-rotator=\r\n", "cookie: a=b; entra-rotator-2=x\r\n"] {
        assert_eq!(house.get("/", wrong).await.status, 303, "{wrong}");
    }
    assert_eq!(house.ask("POST", "/order", &house.ours(), "x=1").await.status, 401);
    assert_eq!(house.get("/", &format!("authorization: Bearer {LOOKS}\r\n")).await.status, 200);
    let came = house.get("/", "authorization: Bearer wrong\r\n").await;
    assert_eq!((came.status, came.header("www-authenticate")), (401, Some("Bearer")));
}

#[tokio::test]
async fn what_names_accounts_is_read_with_a_token_alone() {
    let house = House::furnished().await;
    let session = house.signed_in(LOOKS).await;
    for path in ["/metrics", "/api/status"] {
        for (headers, status) in [
            (String::new(), 401),
            ("authorization: Bearer wrong\r\n".to_owned(), 401),
            (format!("authorization: Basic {LOOKS}\r\n"), 401),
            ("cookie: entra-rotator=x\r\n".to_owned(), 401),
            (format!("host: evil.test\r\nauthorization: Bearer {LOOKS}\r\n"), 421),
            (format!("authorization: Bearer {LOOKS}\r\n"), 200),
            (format!("authorization: Bearer {ADA}\r\n"), 200),
            (session.clone(), 200),
        ] {
            let came = house.get(path, &headers).await;
            assert_eq!(came.status, status, "{path} {headers}");
            assert_eq!(came.header("www-authenticate"), (status == 401).then_some("Bearer"), "{path} {headers}");
            let safe = (came.header("cache-control"), came.header("x-content-type-options"));
            assert_eq!(safe, (Some("no-store"), Some("nosniff")), "{path} {headers}");
        }
    }
    let by_person = House::open(None, &[("ada", ADA)]).await;
    assert_eq!(by_person.get("/metrics", "").await.status, 401);
}

#[tokio::test]
async fn the_login_tells_nothing() {
    let house = House::furnished().await;
    house.board.stands_by(Some("sync2, process 7".to_owned()));
    for came in [house.get("/login", "").await, house.post("/login", "", &[("token", "wrong")]).await] {
        assert!(came.body.contains("name=\"token\""), "{}", came.body);
        for told in ["alert(1)", "sync2", "process", "/held", "2026"] {
            assert!(!came.body.contains(told), "{told}: {}", came.body);
        }
    }
}

#[tokio::test]
async fn a_session_begins_with_a_token_and_ends() {
    let house = House::furnished().await;
    let came = house.post("/login", "", &[("token", LOOKS), ("next", "//evil.test")]).await;
    assert_eq!((came.status, came.header("location")), (303, Some("/")), "it leads nowhere else");
    let kept = came.header("set-cookie").expect("a cookie");
    assert!(kept.starts_with("entra-rotator=") && kept.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{kept}");
    assert!(!kept.contains(LOOKS) && !kept.contains("Max-Age"), "{kept}");

    let cookie = house.signed_in(LOOKS).await;
    let page = house.get("/", &cookie).await;
    assert!(page.status == 200 && page.body.contains("Signed in to look"), "{}", page.body);
    assert!(
        house.get("/", &house.signed_in(BOB).await).await.body.contains("Signed in as <bdi>&#60;script"),
        "escaped"
    );
    let csrf = page.hidden("csrf");
    for (headers, fields) in [
        (house.ours(), vec![("csrf", "")]),
        (house.ours(), vec![]),
        (house.ours(), vec![("csrf", &csrf[1..])]),
        ("origin: http://evil.test\r\n".to_owned(), vec![("csrf", csrf.as_str())]),
    ] {
        let came = house.ask("POST", "/logout", &format!("{headers}{cookie}"), &form(&fields)).await;
        assert_eq!(came.status, 403, "{headers}{fields:?}");
    }
    assert_eq!(house.get("/", &cookie).await.status, 200, "nobody else ends it");
    let came = house.post("/logout", &cookie, &[("csrf", &csrf)]).await;
    assert_eq!((came.status, came.header("location")), (303, Some("/login")));
    assert!(came.header("set-cookie").is_some_and(|gone| gone.starts_with("entra-rotator=; Max-Age=0;")));
    assert_eq!(house.get("/", &cookie).await.status, 303, "it has ended here, whatever the browser keeps");

    let cookie = house.signed_in(LOOKS).await;
    house.later(Duration::from_secs(29 * 60));
    assert_eq!(house.get("/", &cookie).await.status, 200);
    house.later(Duration::from_secs(31 * 60));
    assert_eq!(house.get("/", &cookie).await.status, 303, "silent for too long");

    let cookie = house.signed_in(ADA).await;
    for _ in 0..10 {
        house.later(Duration::from_secs(170));
        for path in ["/running?every=5", "/style.css", "/icon.svg"] {
            assert_eq!(house.get(path, &cookie).await.status, 200, "{path}");
        }
    }
    house.later(Duration::from_secs(101));
    let came = house.get("/running?every=5", &cookie).await;
    assert_eq!(came.status, 303, "a page that looks again by itself keeps nobody signed in");
    let cookie = house.signed_in(ADA).await;
    for _ in 0..10 {
        house.later(Duration::from_secs(1000));
        // Nothing says that a browser asked for these by itself.
        for path in ["/running?every=1", "/running"] {
            assert_eq!(house.get(path, &cookie).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn who_guesses_waits() {
    let house = House::furnished().await;
    let wrong = async || house.post("/login", "", &[("token", "guessed")]).await;
    for _ in 0..5 {
        let came = wrong().await;
        assert!(came.status == 403 && came.header("set-cookie").is_none(), "{}", came.head);
    }
    let came = wrong().await;
    assert_eq!((came.status, came.header("retry-after")), (429, Some("3")));
    for path in ["/", "/api/status", "/metrics"] {
        assert_eq!(house.get(path, "authorization: Bearer guessed\r\n").await.status, 429, "{path}");
        let right = format!("authorization: Bearer {ADA}\r\n");
        assert_eq!(house.get(path, &right).await.status, 200, "{path}: nobody else's guesses keep a right one out");
        assert_eq!(house.get(path, "authorization: Bearer guessed\r\n").await.status, 429, "{path}: nor end the pause");
    }
    house.signed_in(ADA).await;
    assert_eq!(wrong().await.status, 403, "who signs in makes the wrong ones forgotten");
    let elsewhere = "origin: http://evil.test\r\nsec-fetch-site: cross-site\r\n";
    let came = house.ask("POST", "/login", elsewhere, &form(&[("token", ADA)])).await;
    assert!(came.status == 403 && came.header("set-cookie").is_none(), "nobody is signed in by another site's form");
}

#[tokio::test]
async fn a_machine_that_guesses_waits_too() {
    for path in ["/api/status", "/metrics"] {
        let house = House::furnished().await;
        let guess = async || house.get(path, "authorization: Bearer guessed\r\n").await.status;
        for _ in 0..5 {
            assert_eq!(guess().await, 401, "{path}");
        }
        assert_eq!(guess().await, 429, "{path}");
        house.later(Duration::from_secs(3));
        assert_eq!(guess().await, 401, "{path}: the pause ends");
    }
}

/// Whether the other side closes it soon.
async fn is_closed(stream: &mut TcpStream) -> bool {
    timeout(Duration::from_secs(10), stream.read(&mut [0])).await.is_ok_and(|read| matches!(read, Ok(0) | Err(_)))
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let house = House::within(Limits { head: Duration::from_millis(300), ..Limits::USUAL }, None, None, &[]).await;
    for said in ["", "GET / HT", "GET /livez HTTP/1.1\r\nhost: localhost\r\n", "PRI * HTTP/2.0\r\n"] {
        let mut stream = house.connect([127, 0, 0, 1]).await;
        stream.write_all(said.as_bytes()).await.expect("sent");
        // Some are told that they were too slow.
        let ended = timeout(Duration::from_secs(10), stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "{said:?}");
    }
    // Nor is the next request of a connection.
    let mut stream = house.connect([127, 0, 0, 1]).await;
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("sent");
    assert!(timeout(Duration::from_secs(10), stream.read_to_end(&mut Vec::new())).await.is_ok());
}

#[tokio::test]
async fn one_address_takes_no_place_of_others_and_all_together_no_more_than_there_are() {
    let few = Limits { all: 5, of_one: 3, ..Limits::USUAL };
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let folder = TempDir::new().expect("a folder");
    let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_file, own.cert.pem()).expect("written");
    std::fs::write(&key_file, own.signing_key.serialize_pem()).expect("written");
    // Over TLS a handshake that does not come counts as well.
    for tls in [None, Some(Tls { cert_file, key_file })] {
        let house = House::within(few, tls, None, &[]).await;
        let mut inside = Vec::new();
        for from in [1, 1, 1, 2, 2] {
            inside.push(house.connect([127, 0, 0, from]).await);
        }
        for from in [1, 2, 3] {
            assert!(is_closed(&mut house.connect([127, 0, 0, from]).await).await, "{from}");
        }
        let still = timeout(Duration::from_millis(200), inside[0].read(&mut [0])).await;
        assert!(still.is_err(), "those inside stay");
        inside.pop();
        // One of the first address is still one too many; another gets the place that is free.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(is_closed(&mut house.connect([127, 0, 0, 1]).await).await);
        let mut let_in = house.connect([127, 0, 0, 3]).await;
        assert!(timeout(Duration::from_millis(200), let_in.read(&mut [0])).await.is_err());
    }
}

#[tokio::test]
async fn who_never_reads_is_not_waited_for() {
    let house = House::within(Limits { stall: Duration::from_millis(300), ..Limits::USUAL }, None, None, &[]).await;
    let mut stream = house.connect([127, 0, 0, 1]).await;
    let asked = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000);
    let ended = timeout(Duration::from_secs(30), async {
        // One request after the other, until nothing of them is taken any more.
        while stream.write_all(&asked).await.is_ok() {}
    });
    assert!(ended.await.is_ok(), "it was not closed");
}

#[tokio::test]
async fn a_report_that_nobody_reads_keeps_others_from_being_made() {
    let house = House::open(None, &[]).await;
    for number in 0..12 {
        let (key, kind, severity) = (number.to_string(), "drift".to_owned(), "alarm".to_owned());
        let text = "w".repeat(1024 * 1024);
        let raised = Note::Raised { key, kind, severity, account: None, title: text.clone(), text };
        house.journal.note("2026-06-15T12:00:00Z".parse().expect("a time"), &raised).await.expect("noted");
    }
    let path = "/reports/made?from=2026-06-01&to=2026-07-01&form=jsonl";
    let mut idle = house.connect([127, 0, 0, 1]).await;
    idle.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await.expect("sent");
    let mut head = [0; 15];
    idle.read_exact(&mut head).await.expect("it was made");
    assert_eq!(head.as_slice(), b"HTTP/1.1 200 OK");
    // Only now it is whole, and most of it waits to be sent.
    for _ in 0..3 {
        let came = house.get(path, "").await;
        assert!(came.status == 503 && came.body.contains("One report at a time"), "{}", came.status);
    }
    drop(idle);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let came = house.get(path, "").await;
    assert_eq!((came.status, came.head.matches("\ncontent-type: ").count()), (200, 1), "{}", came.head);
    assert!(came.body.len() > 20 * 1024 * 1024, "{}", came.body.len());
    assert_eq!(house.get(path, "").await.status, 200, "who has read it all keeps nobody waiting");
}

#[tokio::test]
async fn an_order_reaches_the_keeper_once_and_as_it_was_shown() {
    let mut house = House::furnished().await;
    for account in ["MSOL_1", HOSTILE] {
        let cookie = house.signed_in(BOB).await;
        let headers = format!("{}{cookie}", house.ours());
        let mut fields = house.shown(&cookie, account).await;
        // What the form is about is not the browser's to say.
        fields.extend([("account", "another".to_owned()), ("what", "rollback".to_owned())]);
        let typed = crate::report::Text::of(account).to_string();
        fields.extend([("confirm", typed), ("reason", HOSTILE.to_owned()), ("ticket", "CHG-1".to_owned())]);
        let (came, asked) = house.ordered(&headers, &fields, &[Ok(())]).await;
        let told = format!("/ordered?{}", form(&[("account", account)]));
        assert_eq!((came.status, came.header("location")), (303, Some(told.as_str())), "{}", came.body);
        let demand = Demand {
            account: account.to_owned(),
            deed: Deed::Rotate,
            by: format!("{HOSTILE} via page"),
            reason: HOSTILE.to_owned(),
            ticket: "CHG-1".to_owned(),
            seen: Mark::default(),
        };
        assert_eq!(asked, [demand]);
        let (came, asked) = house.ordered(&headers, &fields, &[Ok(())]).await;
        assert!(came.status == 409 && asked.is_empty(), "a second time: {}", came.body);
        assert!(came.body.contains("sent before"), "{}", came.body);
    }
}

#[tokio::test]
async fn an_order_is_refused_for_whatever_is_wrong_with_it() {
    let mut house = House::furnished().await;
    let ada = house.signed_in(ADA).await;
    let (ours, address) = (house.ours(), house.http.address);
    let of_this = |origin: &str, site: &str| {
        let origin = if origin.is_empty() { String::new() } else { format!("origin: {origin}\r\n") };
        let site = if site.is_empty() { String::new() } else { format!("sec-fetch-site: {site}\r\n") };
        format!("{origin}{site}{ada}")
    };
    let here = format!("http://{address}");
    for (what, headers) in [
        ("another site's", of_this("http://evil.test", "cross-site")),
        ("of another port", of_this("http://127.0.0.1:1", "same-site")),
        ("of another scheme", of_this(&format!("https://{address}"), "")),
        ("of no origin", of_this("null", "same-origin")),
        ("typed into the browser", of_this(&here, "none")),
        ("of the same site only", of_this("", "same-site")),
        ("that tells nothing", of_this("", "")),
    ] {
        let mut fields = house.shown(&ada, "MSOL_1").await;
        fields.push(("confirm", "MSOL_1".to_owned()));
        let (came, asked) = house.ordered(&headers, &fields, &[Ok(())]).await;
        assert!(came.status == 403 && asked.is_empty(), "a form {what}: {}", came.status);
        // It was not used up by that.
        let (came, asked) = house.ordered(&of_this(&here, "same-origin"), &fields, &[Ok(())]).await;
        assert_eq!((came.status, asked.len()), (303, 1), "{what}");
    }

    let mine = format!("{ours}{ada}");
    let good = house.shown(&ada, "MSOL_1").await;
    let confirm = ("confirm", "MSOL_1".to_owned());
    let bob = house.signed_in(BOB).await;
    let of_bob = house.shown(&bob, "MSOL_1").await;
    for (what, status, fields) in [
        ("no csrf", 403, vec![good[1].clone(), confirm.clone()]),
        ("another's csrf", 403, vec![of_bob[0].clone(), good[1].clone(), confirm.clone()]),
        ("no form", 409, vec![good[0].clone(), confirm.clone()]),
        ("another's form", 409, vec![good[0].clone(), of_bob[1].clone(), confirm.clone()]),
        ("nothing typed", 422, vec![good[0].clone(), good[1].clone()]),
    ] {
        let (came, asked) = house.ordered(&mine, &fields, &[Ok(())]).await;
        assert!(came.status == status && asked.is_empty(), "{what}: {} {}", came.status, came.body);
    }
    for typed in ["msol_1", "MSOL_", "MSOL_10", "MSOL_1;", "*"] {
        let mut fields = house.shown(&ada, "MSOL_1").await;
        fields.extend([("confirm", typed.to_owned()), ("reason", "because".to_owned())]);
        let (came, asked) = house.ordered(&mine, &fields, &[Ok(())]).await;
        assert!(came.status == 422 && asked.is_empty(), "{typed}: {}", came.status);
        assert!(
            came.body.contains("not the account&#39;s name") && came.body.contains("value=\"because\""),
            "{}",
            came.body
        );
        assert_ne!(came.hidden("form"), fields[1].1, "a new form");
    }
    let mut long = house.shown(&ada, "MSOL_1").await;
    long.extend([confirm.clone(), ("reason", "w".repeat(501))]);
    assert_eq!(house.ordered(&mine, &long, &[Ok(())]).await.0.status, 422);
    for letter in ['\0', '\u{1b}', '\u{85}'] {
        for field in ["reason", "ticket"] {
            let mut odd = house.shown(&ada, "MSOL_1").await;
            odd.extend([confirm.clone(), (field, format!("be{letter}cause"))]);
            let (came, asked) = house.ordered(&mine, &odd, &[Ok(())]).await;
            assert!(came.status == 422 && asked.is_empty(), "{field} {letter:?}: {}", came.status);
            assert!(came.body.contains("control character") && !came.body.contains(letter), "{}", came.body);
            assert!(came.body.contains("value=\"because\""), "{}", came.body);
        }
    }
    let mut huge = house.shown(&ada, "MSOL_1").await;
    huge.extend([confirm.clone(), ("reason", "w".repeat(64 * 1024))]);
    assert_eq!(house.ordered(&mine, &huge, &[Ok(())]).await.0.status, 413);

    // Whose token only looks; who has a token and no session.
    let looker = house.signed_in(LOOKS).await;
    assert_eq!(house.get("/order?what=rotate&account=MSOL_1", &looker).await.status, 403);
    assert!(!house.get("/", &looker).await.body.contains("Rotate now"));
    let csrf = house.get("/", &looker).await.hidden("csrf");
    let fields = [("csrf", csrf), good[1].clone(), confirm.clone()];
    assert_eq!(house.ordered(&format!("{ours}{looker}"), &fields, &[Ok(())]).await.0.status, 403);
    let bearer = format!("authorization: Bearer {ADA}\r\n");
    assert_eq!(house.get("/order?what=rotate&account=MSOL_1", &bearer).await.status, 403);
    let (came, asked) = house.ordered(&format!("{ours}{bearer}"), &fields, &[Ok(())]).await;
    assert!(came.status == 403 && asked.is_empty(), "a token alone is no session");

    // What there is not.
    assert!(house.get("/", &ada).await.body.contains("Rotate now"));
    for (path, status) in [
        ("/order?what=rotate&account=nobody", 404),
        ("/order?what=abandon&account=MSOL_1", 404),
        ("/order?account=MSOL_1", 404),
        ("/order?what=resume&account=MSOL_1", 409),
        ("/order?what=rollback&account=MSOL_1", 409),
        ("/ordered?account=MSOL_1", 404),
    ] {
        assert_eq!(house.get(path, &ada).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_keeper_is_told_and_a_stand_by_takes_nothing() {
    let mut house = House::furnished().await;
    let ada = house.signed_in(ADA).await;
    let mine = format!("{}{ada}", house.ours());
    let with = |mut fields: Vec<(&'static str, String)>| {
        fields.push(("confirm", "MSOL_1".to_owned()));
        fields
    };
    let fields = with(house.shown(&ada, "MSOL_1").await);
    let why = "outside its <windows>\n  next step: wait".to_owned();
    let (came, asked) = house.ordered(&mine, &fields, &[Err(why)]).await;
    assert_eq!((came.status, asked.len()), (409, 1));
    assert!(came.body.contains("Outside its &#60;windows&#62;.</bdi><br><bdi>Next step: wait."), "{}", came.body);
    let fields = with(house.shown(&ada, "MSOL_1").await);
    let (came, _) = house.ordered(&mine, &fields, &[]).await;
    assert!(came.status == 409 && came.body.contains("The service ends"), "a keeper that goes away: {}", came.body);

    let fields = with(house.shown(&ada, "MSOL_1").await);
    house.board.stands_by(Some(format!("sync2, process 7{HOSTILE}")));
    for came in
        [house.get("/order?what=rotate&account=MSOL_1", &ada).await, house.ordered(&mine, &fields, &[Ok(())]).await.0]
    {
        assert!(came.status == 409 && came.body.contains("sync2, process 7&#60;script"), "{}", came.body);
    }
    assert!(!house.get("/", &ada).await.body.contains("Rotate now"));
    assert!(house.get("/", &ada).await.body.contains("This process stands by"));
}

#[tokio::test]
async fn what_came_of_an_order_is_shown() {
    let house = House::furnished().await;
    let ada = house.signed_in(ADA).await;
    let now = house.clock.now();
    let text = || HOSTILE.to_owned();
    let (account, by) = (text(), format!("{HOSTILE} via page"));
    let ordered = Note::Ordered {
        account: account.clone(),
        what: "rotate".into(),
        by: by.clone(),
        reason: text(),
        ticket: text(),
    };
    house.journal.note(now, &ordered).await.expect("noted");
    let path = format!("/ordered?{}", form(&[("account", HOSTILE)]));
    let page = house.get(&path, &ada).await;
    assert!(page.status == 200 && page.body.contains("not under way in this process"), "{}", page.body);
    let answered = Note::Answered {
        account,
        by,
        rotation: Some(text()),
        outcome: "refused".into(),
        message: format!("no: {HOSTILE}\n  next step: mend it"),
    };
    house.journal.note(now, &answered).await.expect("noted");
    let page = house.get(&path, &ada).await;
    assert!(page.body.contains("refused, nothing was changed") && page.body.contains("<bdi>Next step: mend it.</bdi>"));
    assert!(!page.body.contains("<script") && !page.body.contains('\u{202e}'), "{}", page.body);
    assert!(
        page.body.contains("&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;⟨U+202E⟩&#38; via page"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn conditions_with_hostile_names_are_shown_and_do_nothing() {
    let house = House::open(None, &[]).await;
    let text = || HOSTILE.to_owned();
    let (key, kind, severity, account, title) = (text(), text(), text(), Some(text()), text());
    let raised = Note::Raised { key, kind, severity, account, title, text: text() };
    house.journal.note(house.clock.now(), &raised).await.expect("noted");
    let page = house.get("/conditions", "").await;
    assert!(page.status == 200 && page.body.contains("data-figure=\"title\">&#60;script&#62;"), "{}", page.body);
    assert!(!page.body.contains("<script") && !page.body.contains('\u{202e}'), "{}", page.body);
    assert!(house.get("/", "").await.body.contains("1 condition holds"));
    let path = format!("/history?{}", form(&[("account", HOSTILE), ("initiator", HOSTILE)]));
    let page = house.get(&path, "").await;
    assert!(page.body.contains("value=\"&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;"), "{}", page.body);
    assert!(!page.body.contains("<script"), "{}", page.body);
}

#[tokio::test]
async fn two_with_one_token_are_not_let_in() {
    let house = House::open(None, &[]).await;
    let setting = HttpSetting {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        token: None,
        persons: ["ada", "bob"].map(|name| (name.to_owned(), Secret::from(ADA.to_owned()))).to_vec(),
        host: String::new(),
    };
    let shown = Shown {
        board: Arc::clone(&house.board),
        clock: Arc::<Set>::clone(&house.clock),
        entropy: Arc::new(SystemEntropy),
        journal: Arc::clone(&house.journal),
        place: Place::File(house._folder.path().join("journal.db")),
        orders: mpsc::channel(1).0,
    };
    let fault = Http::start(&setting, shown).err().expect("a fault");
    assert!(fault.to_string().contains("bob") && !fault.to_string().contains(ADA), "{fault}");
}

#[tokio::test]
async fn many_accounts_stand_on_pages_and_are_found_by_name() {
    let house = House::open(None, &[]).await;
    house.seats((1..=120).map(|number| format!("MSOL_{number:03}")));
    let page = house.get("/", "").await.body;
    assert!(page.contains("1 to 50 of 120 accounts") && page.contains("href=\"/?page=2\" rel=\"next\""), "{page}");
    assert!(page.contains("MSOL_050") && !page.contains("MSOL_051") && !page.contains("rel=\"prev\""), "{page}");
    for path in ["/?page=3", "/?page=4", "/?page=9999999"] {
        let page = house.get(path, "").await.body;
        assert!(page.contains("101 to 120 of 120 accounts") && page.contains("rel=\"prev\""), "{path}: {page}");
        assert!(!page.contains("names no account"), "{path}");
    }
    let page = house.get("/?name=msol_0", "").await.body;
    assert!(page.contains("1 to 50 of 99 accounts") && page.contains("value=\"msol_0\""), "{page}");
    assert!(page.contains("href=\"/?name=msol_0&#38;page=2\" rel=\"next\""), "{page}");
    let page = house.get("/?name=L_119", "").await.body;
    assert!(page.contains("1 of 120 accounts") && page.contains("data-account=\"MSOL_119\""), "{page}");
    assert!(!page.contains("MSOL_118"), "{page}");
    let page = house.get(&format!("/?{}", form(&[("name", HOSTILE)])), "").await.body;
    assert!(page.contains("No account is like that") && page.contains("href=\"/\">All"), "{page}");
    assert!(!page.contains("<script"), "{page}");
    house.seats(std::iter::empty());
    assert!(house.get("/", "").await.body.contains("The configuration names no account"));
}

#[tokio::test]
async fn the_first_sentence_is_about_all_accounts() {
    let house = House::open(None, &[]).await;
    let names = || (1..=60).map(|number| format!("MSOL_{number:03}"));
    house.seats(names());
    let page = house.get("/", "").await.body;
    assert!(page.contains("this process has not counted") && !page.contains("need attention"), "{page}");
    for name in names() {
        house.looked_at(&name, name == "MSOL_057").await;
    }
    let page = house.get("/", "").await.body;
    assert!(page.contains("1 password is over its maximum age or of unknown age."), "{page}");
    assert!(!page.contains("MSOL_057") && page.contains("href=\"/?only=attention\""), "{page}");
    let page = house.get("/?only=attention", "").await.body;
    assert!(page.contains("data-account=\"MSOL_057\"") && page.contains("1 of 60 accounts"), "{page}");
    house.begun("r1", "MSOL_055").await;
    house.happens("r1", 1, HELD).await;
    let page = house.get("/?only=attention", "").await.body;
    assert!(page.contains("1 rotation waits for a person; 1 password is over"), "{page}");
    assert!(page.contains("2 of 60 accounts") && page.contains("data-account=\"MSOL_055\""), "{page}");
    assert!(page.contains("href=\"/held?account=MSOL_055\""), "{page}");
    // A process that stands by counts nothing, and says so.
    house.board.stands_by(Some("another".to_owned()));
    let page = house.get("/?only=attention", "").await.body;
    assert!(page.contains("1 to 50 of 60 accounts") && !page.contains("password is over"), "{page}");
}

#[tokio::test]
async fn all_that_is_held_or_runs_is_shown_on_pages() {
    let house = House::open(None, &[]).await;
    house.seats((1..=112).map(|number| format!("MSOL_{number:03}")));
    for number in 1..=112 {
        let id = format!("r{number:03}");
        house.begun(&id, &format!("MSOL_{number:03}")).await;
        if number <= 60 {
            house.happens(&id, 1, HELD).await;
        }
    }
    let page = house.get("/held", "").await.body;
    assert!(
        page.contains("<title>60 held ") && page.contains("<h1>Held: <span data-figure=\"of\">60</span>"),
        "{page}"
    );
    assert!(page.contains("These are 1 to 50 of 60") && page.contains("href=\"/held?page=2\" rel=\"next\""), "{page}");
    assert!(page.contains("data-rotation=\"r050\"") && !page.contains("data-rotation=\"r051\""), "{page}");
    let page = house.get("/held?page=2", "").await.body;
    assert!(page.contains("<title>60 held ") && page.contains("data-rotation=\"r060\""), "{page}");
    assert!(page.contains("href=\"/held\" rel=\"prev\""), "{page}");
    let page = house.get("/held?account=MSOL_060", "").await.body;
    assert!(page.contains("data-rotation=\"r060\"") && !page.contains("data-rotation=\"r059\""), "{page}");
    assert!(page.contains("<title>1 held: MSOL_060 ") && page.contains("href=\"/held\">All that are held"), "{page}");
    let page = house.get("/held?account=MSOL_061", "").await.body;
    assert!(page.contains("No rotation of <bdi>MSOL_061</bdi> waits for a person"), "{page}");

    let page = house.get("/running?every=5", "").await.body;
    assert!(page.contains("<title>52 running ") && page.contains("data-rotation=\"r110\""), "{page}");
    assert!(!page.contains("data-rotation=\"r111\""), "{page}");
    assert!(page.contains("href=\"/running?every=5&#38;page=2\" rel=\"next\""), "{page}");
    let page = house.get("/running?page=2", "").await.body;
    assert!(page.contains("data-rotation=\"r112\"") && page.contains("href=\"/running?every=5&#38;page=2\""), "{page}");
    let page = house.get("/running?account=MSOL_112", "").await.body;
    assert!(page.contains("data-rotation=\"r112\"") && !page.contains("data-rotation=\"r111\""), "{page}");
    // Nobody has signed in.
    assert!(!page.contains("/order?"), "{page}");

    let page = house.get("/?name=060", "").await.body;
    assert!(page.contains("href=\"/held?account=MSOL_060\""), "{page}");
    let page = house.get("/?name=061", "").await.body;
    assert!(page.contains("href=\"/running?account=MSOL_061\""), "{page}");
    assert!(house.get("/history/r060", "").await.body.contains("href=\"/held?account=MSOL_060\""));
}

#[tokio::test]
async fn where_a_rotation_is_open_no_new_one_is_offered_and_a_form_is_of_what_was_shown() {
    let mut house = House::furnished().await;
    let ada = house.signed_in(ADA).await;
    let mine = format!("{}{ada}", house.ours());
    let rotate = "/order?what=rotate&account=MSOL_1";
    house.begun("r1", "MSOL_1").await;
    let offered = async |house: &House| house.get("/", &ada).await.body.contains("what=rotate&#38;account=MSOL_1");
    let came = house.get(rotate, &ada).await;
    assert!(
        came.status == 409 && came.body.contains("was interrupted, or another process works on it"),
        "{}",
        came.body
    );
    assert!(!offered(&house).await);
    let page = house.get("/running", &ada).await.body;
    for what in ["resume", "rollback"] {
        assert!(page.contains(&format!("/order?what={what}&#38;account=MSOL_1")), "{what}: {page}");
    }
    let at_work = |name: &str| AtWork { rotating: [name.to_owned()].into(), errands: [].into() };
    // Of this one there is no rotation yet: it is looked at first.
    house.board.round(Duration::ZERO, at_work(HOSTILE));
    let came = house.get(&format!("/order?{}", form(&[("what", "rotate"), ("account", HOSTILE)])), &ada).await;
    assert!(came.status == 409 && came.body.contains("is under way"), "{}", came.body);
    assert!(!house.get("/", &ada).await.body.contains("what=rotate"));
    house.board.round(Duration::ZERO, at_work("MSOL_1"));
    let came = house.get(rotate, &ada).await;
    assert!(came.status == 409 && came.body.contains("is under way"), "{}", came.body);
    assert!(!offered(&house).await && !house.get("/running", &ada).await.body.contains("/order?"));
    house.board.round(Duration::ZERO, AtWork::default());
    house.happens("r1", 1, HELD).await;
    let came = house.get(rotate, &ada).await;
    assert!(
        came.status == 409 && came.body.contains("is held") && came.body.contains("/held?account=MSOL_1"),
        "{}",
        came.body
    );
    assert!(!offered(&house).await);

    let came = house.get("/order?what=rollback&account=MSOL_1", &ada).await;
    let seen = Mark::read(&*house.journal, "MSOL_1").await.expect("read");
    // Somebody else resumes it meanwhile, and it is held anew.
    house.happens("r1", 2, RESUMED).await;
    house.happens("r1", 3, HELD).await;
    let fields = vec![("csrf", came.hidden("csrf")), ("form", came.hidden("form")), ("confirm", "MSOL_1".to_owned())];
    let (_, asked) = house.ordered(&mine, &fields, &[Ok(())]).await;
    assert_eq!(asked.iter().map(|demand| &demand.seen).collect::<Vec<_>>(), [&seen]);
    assert_ne!(Mark::read(&*house.journal, "MSOL_1").await.expect("read"), seen, "the keeper can tell");
    house.happens("r1", 4, r#"{"event":"rolled-back"}"#).await;
    assert!(offered(&house).await && house.get(rotate, &ada).await.status == 200);
}
