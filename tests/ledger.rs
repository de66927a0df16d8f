//! The ledger: `docs/spec.md` and the sources must agree, link by link.
//!
//! Every problem is one line of text, so the planted mistakes at the end can ask for the very line that they cause.

use std::fs;
use std::path::Path;

use tweedie::claims::CLAIMS;

/// Every id of the theory, and of the findings about training.
const IDS: [&str; 32] = [
    "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "C0",
    "C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "N1", "N2", "N3",
    "N4",
];

struct Entry {
    id: String,
    fields: Vec<(String, String)>,
}

impl Entry {
    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(field, _)| field == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn implemented(&self) -> bool {
        self.all("Status") == ["implemented"]
    }
}

const FIELDS: [&str; 8] =
    ["Statement", "Conditions", "Status", "Function", "Test", "Claim", "Proof", "Kernel"];

fn parse(spec: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in spec.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            let id = title.split(' ').next().unwrap_or("").to_string();
            entries.push(Entry { id, fields: Vec::new() });
            continue;
        }
        let Some(entry) = entries.last_mut() else { continue };
        match line.split_once(": ").filter(|(name, _)| FIELDS.contains(name)) {
            Some((name, value)) => entry.fields.push((name.to_string(), value.trim().to_string())),
            None => {
                if let Some((_, value)) = entry.fields.last_mut().filter(|_| !line.is_empty()) {
                    value.push(' ');
                    value.push_str(line);
                }
            }
        }
    }
    entries
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn spec() -> String {
    fs::read_to_string(root().join("docs/spec.md")).expect("docs/spec.md")
}

/// Every Rust source below a folder, with its text.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.push((path.display().to_string(), text));
        }
    }
    found
}

/// Whether the text defines a function of this very name.
fn defines(text: &str, name: &str) -> bool {
    let ends = |rest: &str| rest.starts_with(['(', '<']);
    text.match_indices(&format!("fn {name}")).any(|(at, found)| {
        ends(&text[at + found.len()..]) && !text[..at].ends_with(char::is_alphanumeric)
    })
}

/// The ids after each `Spec:` up to the end of its line; `N1–N4` stands for all four.
fn cited(text: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for line in text.lines() {
        let Some((_, after)) = line.split_once("Spec:") else { continue };
        for word in after.split(|c: char| !(c.is_alphanumeric() || c == '–')) {
            let (first, last) = word.split_once('–').unwrap_or((word, word));
            let (Some(from), Some(to)) = (number(first), number(last)) else { continue };
            ids.extend((from..=to).map(|n| format!("{}{n}", &first[..1])));
        }
    }
    ids
}

/// n of an id such as `T4`.
fn number(word: &str) -> Option<u32> {
    word.strip_prefix(['T', 'E', 'N'])?.parse().ok()
}

fn check_link(entry: &Entry, field: &str, link: &str, problems: &mut Vec<String>) {
    let id = &entry.id;
    let Some((file, name)) = link.trim_matches('`').split_once("::") else {
        problems.push(format!("{id}: {field} is no link: {link}"));
        return;
    };
    let Ok(text) = fs::read_to_string(root().join(file)) else {
        problems.push(format!("{id}: no file {file}"));
        return;
    };
    let found = match field {
        "Claim" => name == id && text.contains(&format!("id: \"{name}\"")),
        "Kernel" => text.contains(&format!("KERNEL({name})")),
        _ => defines(&text, name),
    };
    if !found {
        problems.push(format!("{id}: no {name} in {file}"));
    }
}

/// A Coq source without its comments, which nest.
fn without_comments(text: &str) -> String {
    let (mut kept, mut depth, mut rest) = (String::new(), 0_usize, text);
    while let Some(c) = rest.chars().next() {
        let mark = if rest.starts_with("(*") || rest.starts_with("*)") { 2 } else { c.len_utf8() };
        if rest.starts_with("(*") {
            depth += 1;
        } else if rest.starts_with("*)") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 {
            kept.push(c);
        }
        rest = &rest[mark..];
    }
    kept
}

/// What would leave a step of a Coq source unproven.
const UNPROVEN: [&str; 5] = ["Admitted", "Axiom", "Parameter", "Conjecture", "admit"];

/// Problems of a link to a theorem, in the text of its file.
fn proof_problems(id: &str, file: &str, name: &str, text: &str) -> Vec<String> {
    let code = without_comments(text);
    let words: Vec<&str> =
        code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '\'')).collect();
    let mut problems = Vec::new();
    let stated = code.lines().any(|line| {
        let after = line.strip_prefix("Theorem ").or_else(|| line.strip_prefix("Corollary "));
        after.and_then(|rest| rest.split([' ', ':']).next()) == Some(name)
    });
    if !stated {
        problems.push(format!("{id}: no theorem {name} in {file}"));
    }
    for word in UNPROVEN.iter().filter(|word| words.contains(word)) {
        problems.push(format!("{id}: {word} in {file}"));
    }
    problems
}

/// A theorem of `proofs/`, or why there is none.
fn check_proof(entry: &Entry, proof: &str, problems: &mut Vec<String>) {
    let id = &entry.id;
    if let Some(why) = proof.strip_prefix("measured, not proven") {
        if why.trim_matches([':', '.', ' ']).is_empty() {
            problems.push(format!("{id}: not proven, and no reason"));
        }
        return;
    }
    let Some((file, name)) = proof.trim_matches('`').split_once("::") else {
        problems.push(format!("{id}: Proof is no link: {proof}"));
        return;
    };
    match fs::read_to_string(root().join(file)) {
        Ok(text) => problems.extend(proof_problems(id, file, name, &text)),
        Err(_) => problems.push(format!("{id}: no file {file}")),
    }
    let project = fs::read_to_string(root().join("proofs/_CoqProject")).unwrap_or_default();
    if !project.lines().any(|line| file.strip_prefix("proofs/") == Some(line)) {
        problems.push(format!("{id}: {file} is not compiled"));
    }
}

fn problems(spec: &str, claims: &[&str], sources: &[(String, String)]) -> Vec<String> {
    let entries = parse(spec);
    let mut problems = Vec::new();
    for id in IDS {
        let count = entries.iter().filter(|entry| entry.id == id).count();
        if count != 1 {
            problems.push(format!("{id}: {count} entries"));
        }
    }
    for entry in &entries {
        let id = &entry.id;
        if !IDS.contains(&id.as_str()) {
            problems.push(format!("{id}: no id of the theory"));
        }
        for field in ["Statement", "Conditions", "Status"] {
            if entry.all(field).len() != 1 {
                problems.push(format!("{id}: not one {field}"));
            }
        }
        let links = |field| entry.all(field).len();
        if entry.implemented() {
            for field in ["Function", "Test", "Proof", "Kernel"] {
                if links(field) == 0 {
                    problems.push(format!("{id}: no {field}"));
                }
            }
            if id.starts_with('T') && links("Claim") != 1 {
                problems.push(format!("{id}: not one Claim"));
            }
        } else if entry.all("Status") != ["not implemented yet"] {
            problems.push(format!("{id}: unknown status"));
        } else if FIELDS[3..].iter().any(|field| *field != "Proof" && links(field) > 0) {
            // A theorem may come before the code.
            problems.push(format!("{id}: not implemented, but has links"));
        }
        for field in ["Function", "Test", "Claim"] {
            for link in entry.all(field) {
                check_link(entry, field, link, &mut problems);
            }
        }
        for kernel in entry.all("Kernel").into_iter().filter(|kernel| *kernel != "none yet") {
            check_link(entry, "Kernel", kernel, &mut problems);
        }
        for proof in entry.all("Proof") {
            check_proof(entry, proof, &mut problems);
        }
        if links("Claim") > 0 && !claims.contains(&id.as_str()) {
            problems.push(format!("{id}: its claim is not in the registry"));
        }
    }
    for claim in claims {
        if !entries.iter().any(|entry| entry.id == *claim && !entry.all("Claim").is_empty()) {
            problems.push(format!("{claim}: a claim that the spec does not name"));
        }
    }
    for (path, text) in sources {
        for id in cited(text) {
            match entries.iter().find(|entry| entry.id == id) {
                None => problems.push(format!("{id}: cited by {path}, not in the spec")),
                Some(entry) if !entry.implemented() => {
                    problems.push(format!("{id}: cited by {path}, not implemented"));
                }
                Some(_) => {}
            }
        }
    }
    problems
}

fn registry() -> Vec<&'static str> {
    CLAIMS.iter().map(|claim| claim.id).collect()
}

#[test]
fn the_spec_and_the_sources_agree() {
    let found = problems(&spec(), &registry(), &sources(&root().join("src")));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn planted_mistakes_are_found() {
    let (spec, claims) = (spec(), registry());
    let check = |from: &str, to: &str, expected: &str| {
        assert!(spec.contains(from), "nothing to replace: {from}");
        let found = problems(&spec.replacen(from, to, 1), &claims, &[]);
        assert!(found.iter().any(|line| line == expected), "{expected}: {found:?}");
    };
    check("src/law/far.rs", "src/law/near.rs", "N1: no file src/law/near.rs");
    check("## E4 ", "## E9 ", "E4: 0 entries");
    check("## E4 ", "## E5 ", "E5: 2 entries");
    check("evaluate.rs::evaluate", "evaluate.rs::evaluat", "T1: no evaluat in src/law/evaluate.rs");
    check("t1.rs::T1", "t2.rs::T1", "T1: no T1 in src/claims/t2.rs");
    check("Claim: `src/claims/t6.rs::T6`\n", "", "T6: not one Claim");
    check(
        "Test: `tests/law_exact.rs::small_laws_are_within_the_bound`\nProof",
        "Proof",
        "N2: no Test",
    );
    let status = "Status: implemented\nFunction: `src/claims/t5.rs";
    let with = |word: &str| status.replacen("implemented", word, 1);
    check(status, &with("not implemented yet"), "T5: not implemented, but has links");
    check(status, &with("soon"), "T5: unknown status");
}

#[test]
fn planted_mistakes_in_proofs_are_found() {
    let (spec, claims) = (spec(), registry());
    let check = |from: &str, to: &str, expected: &str| {
        assert!(spec.contains(from), "nothing to replace: {from}");
        let found = problems(&spec.replacen(from, to, 1), &claims, &[]);
        assert!(found.iter().any(|line| line == expected), "{expected}: {found:?}");
    };
    let theorem = "proofs/Tweedie.v::tweedie`";
    check(theorem, "proofs/Tweedy.v::tweedie`", "T1: no file proofs/Tweedy.v");
    check(theorem, "proofs/Tweedie.v::tweedi`", "T1: no theorem tweedi in proofs/Tweedie.v");
    check(theorem, "proofs/Makefile::tweedie`", "T1: proofs/Makefile is not compiled");
    let reason = "measured, not proven: it is about the form of the code.";
    check(reason, "measured, not proven.", "N2: not proven, and no reason");
    check(reason, "obvious.", "N2: Proof is no link: obvious.");
    let found = |text: &str| proof_problems("T1", "F.v", "t", text);
    assert!(
        found("(* Admitted (* nested *) Axiom *)\nTheorem t : True.\nProof. exact I. Qed.")
            .is_empty()
    );
    assert_eq!(found("Theorem t : False.\nAdmitted."), ["T1: Admitted in F.v"]);
    assert_eq!(found("Axiom t : False."), ["T1: no theorem t in F.v", "T1: Axiom in F.v"]);
    assert_eq!(found("Theorem t' : True."), ["T1: no theorem t in F.v"]);
    assert_eq!(found("(* Theorem t : True. *)"), ["T1: no theorem t in F.v"]);
    assert_eq!(found("Theorem t : True.\nParameter p : nat."), ["T1: Parameter in F.v"]);
    assert_eq!(found("Theorem t : True.\nProof. admit."), ["T1: admit in F.v"]);
}

#[test]
fn planted_citations_and_claims_are_found() {
    let spec = without_t5(&spec());
    let claims: Vec<&str> = registry().into_iter().filter(|id| *id != "T5").collect();
    let cite = |text: &str| problems(&spec, &claims, &[("here".into(), text.into())]);
    assert_eq!(cite("/// Spec: T9."), ["T9: cited by here, not in the spec"]);
    assert_eq!(cite("//! Uses `law`. Spec: T1, T5."), ["T5: cited by here, not implemented"]);
    assert_eq!(cite("//! Spec: N3–N5."), ["N5: cited by here, not in the spec"]);
    assert!(cite("//! Spec: notation of T, N1–N4.").is_empty());
    assert_eq!(problems(&spec, &registry(), &[]), ["T5: a claim that the spec does not name"]);
    assert_eq!(problems(&spec, &claims[1..], &[]), ["T1: its claim is not in the registry"]);
}

/// The spec in which T5 is not implemented yet, and so has no links but its proofs.
fn without_t5(spec: &str) -> String {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in spec.lines() {
        inside = if line.starts_with("## ") { line.starts_with("## T5 ") } else { inside };
        let linked = ["Function:", "Test:", "Claim:", "Kernel:"];
        match line {
            "Status: implemented" if inside => lines.push("Status: not implemented yet"),
            _ if inside && linked.iter().any(|field| line.starts_with(field)) => {}
            _ => lines.push(line),
        }
    }
    lines.join("\n")
}
