use super::*;
use crate::keyring::Key;

const PATH: &str = "/api/v1/peer/sync";

fn ring(bytes: &[u8]) -> Keyring {
    Keyring::new(bytes.iter().map(|byte| Key::new(&[*byte; Key::BYTES])).collect())
        .expect("a few keys, each once")
}

fn channel(keys: &[u8], seed: u64) -> Channel {
    Channel::new("c", ring(keys), &mut ChaCha12Rng::seed_from_u64(seed))
}

fn address() -> SocketAddr {
    ([127, 0, 0, 1], 1).into()
}

/// What a node makes of a question: what it acts upon, and what it sends back.
fn serve(node: &mut Channel, path: &str, body: &Bytes) -> Result<(Option<Bytes>, Bytes), Refusal> {
    let heard = node.opener().hear(path, body.clone())?;
    let admission = node.admit(&heard)?;
    let answering = node.answer(&heard);
    match admission {
        Admission::Act => {
            let answer = [b"re: ", &heard.payload[..]].concat();
            let body = answering.answer(path, answer.into());
            Ok((Some(heard.payload), body))
        }
        Admission::Introduce => Ok((None, answering.introduce(path))),
    }
}

/// Asks until there is an answer; how often that was.
fn ask(
    a: &mut Channel,
    b: &mut Channel,
    payload: &'static [u8],
) -> Result<(Vec<u8>, usize), Refusal> {
    for round in 1..4 {
        let question = a.question(address());
        let body = question.seal(PATH, Bytes::from_static(payload));
        let (_, answer) = serve(b, PATH, &body)?;
        match question.open(&a.opener(), PATH, answer.to_vec())? {
            Reply::Answer(answer) => return Ok((answer, round)),
            Reply::Introduction(life) => a.introduce(address(), life),
        }
    }
    panic!("one introduction is enough");
}

#[test]
fn nobody_acts_upon_what_is_of_another_cluster_even_without_a_key() {
    let mut mine = channel(&[], 1);
    let mut theirs = Channel::new("d", Keyring::default(), &mut ChaCha12Rng::seed_from_u64(2));
    assert_eq!(ask(&mut mine, &mut channel(&[], 3), b"x"), Ok((b"re: x".to_vec(), 1)));
    let foreign = |theirs: &str, mine: &str| Refusal::Cluster {
        theirs: theirs.to_owned(),
        mine: mine.to_owned(),
    };
    assert_eq!(ask(&mut mine, &mut theirs, b"x"), Err(foreign("c", "d")));
    let (question, other) = (mine.question(address()), theirs.question(address()));
    let heard = theirs.opener().hear(PATH, other.seal(PATH, Bytes::from_static(b"x")));
    let answer = theirs.answer(&heard.expect("its own")).answer(PATH, Bytes::from_static(b"y"));
    let opened = question.open(&mine.opener(), PATH, answer.to_vec());
    assert_eq!(opened, Err(foreign("d", "c")));
    // And a question is no answer.
    let body = question.seal(PATH, Bytes::from_static(b"x"));
    assert!(matches!(
        question.open(&mine.opener(), PATH, body.to_vec()),
        Err(Refusal::Kind { .. })
    ));
}

#[test]
fn strangers_are_introduced_once_and_again_after_a_restart() {
    let (mut a, mut b) = (channel(&[1], 1), channel(&[1], 2));
    assert_eq!(ask(&mut a, &mut b, b"x"), Ok((b"re: x".to_vec(), 2)));
    assert_eq!(ask(&mut a, &mut b, b"y"), Ok((b"re: y".to_vec(), 1)));
    let mut restarted = channel(&[1], 3);
    assert_eq!(ask(&mut a, &mut restarted, b"z"), Ok((b"re: z".to_vec(), 2)));
}

#[test]
fn a_question_is_acted_upon_once_and_not_after_a_restart() {
    let (mut a, mut b) = (channel(&[1], 1), channel(&[1], 2));
    ask(&mut a, &mut b, b"x").expect("an answer");
    let body = a.question(address()).seal(PATH, Bytes::from_static(b"y"));
    assert_eq!(serve(&mut b, PATH, &body).map(|(acted, _)| acted), Ok(Some("y".into())));
    assert_eq!(serve(&mut b, PATH, &body), Err(Refusal::Replayed));
    let mut restarted = channel(&[1], 3);
    for _ in 0..2 {
        assert_eq!(serve(&mut restarted, PATH, &body).map(|(acted, _)| acted), Ok(None));
    }
}

#[test]
fn a_question_belongs_to_its_path_and_an_answer_to_its_question() {
    let (mut a, mut b) = (channel(&[1], 1), channel(&[1], 2));
    ask(&mut a, &mut b, b"x").expect("an answer");
    let (first, second) = (a.question(address()), a.question(address()));
    let body = first.seal(PATH, Bytes::from_static(b"y"));
    let forged = Err(Refusal::Forged { key: ring(&[1]).ids()[0] });
    assert_eq!(serve(&mut b, "/api/v1/peer/claim", &body), forged);
    let (_, answer) = serve(&mut b, PATH, &body).expect("the first time");
    let opener = a.opener();
    assert_eq!(second.open(&opener, PATH, answer.to_vec()).map(|_| ()), forged.map(|_| ()));
    let read = first.open(&opener, PATH, answer.to_vec());
    assert_eq!(read, Ok(Reply::Answer(b"re: y".to_vec())));
}

#[test]
fn an_introduction_cannot_be_made_by_a_stranger_or_taken_from_another_question() {
    let (mut a, mut b) = (channel(&[1], 1), channel(&[1], 2));
    let (first, second) = (a.question(address()), a.question(address()));
    let (_, introduction) = serve(&mut b, PATH, &first.seal(PATH, Bytes::new())).expect("heard");
    assert!(second.open(&a.opener(), PATH, introduction.to_vec()).is_err());
    let mut forged = introduction.to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert!(first.open(&a.opener(), PATH, forged).is_err());
}

#[test]
fn who_lacks_the_key_is_told_and_learns_nothing() {
    let (mut a, mut b) = (channel(&[1], 1), channel(&[2], 2));
    let (one, two) = (ring(&[1]).ids()[0], ring(&[2]).ids()[0]);
    assert_eq!(ask(&mut a, &mut b, b"x"), Err(Refusal::Key { theirs: one, mine: vec![two] }));
    let mut without = channel(&[], 3);
    assert_eq!(ask(&mut without, &mut b, b"x").map(|_| ()), Err(Refusal::Unsealed));
    b.refuse(&Refusal::Unsealed);
    assert_eq!(b.refused().iter().sum::<u64>(), 1);
}

#[test]
fn an_answer_is_sealed_with_the_key_of_its_question() {
    // b seals with a key that a does not have yet, and drops a's while it thinks.
    let (mut a, mut b) = (channel(&[1], 1), channel(&[2, 1], 2));
    assert_eq!(ask(&mut a, &mut b, b"x").map(|(answer, _)| answer), Ok(b"re: x".to_vec()));
    let question = a.question(address());
    let body = question.seal(PATH, Bytes::from_static(b"y"));
    let heard = b.opener().hear(PATH, body).expect("b has the key");
    b.set_keyring(ring(&[2]));
    let answer = b.answer(&heard).answer(PATH, Bytes::from_static(b"secret"));
    assert!(!answer.windows(6).any(|bytes| bytes == b"secret"));
    let read = question.open(&a.opener(), PATH, answer.to_vec());
    assert_eq!(read, Ok(Reply::Answer(b"secret".to_vec())));
}

#[test]
fn nothing_is_longer_than_promised() {
    let name = "c".repeat(crate::CLUSTER_MAX);
    let mut a = Channel::new(&name, ring(&[1]), &mut ChaCha12Rng::seed_from_u64(1));
    let question = a.question(address());
    assert_eq!(question.seal(PATH, Bytes::from_static(b"x")).len(), 1 + Channel::OVERHEAD);
}
