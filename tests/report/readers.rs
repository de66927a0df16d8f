//! Readers of what the report writes, strict and short: well-formed XML and RFC 4180 tables.

/// A reader of well-formed XML: tags nest, attributes are quoted and unique, entities are the predefined ones or
/// numeric, characters are legal. Returns the text outside tags.
pub fn read_xml(document: &str) -> Result<String, String> {
    let mut open: Vec<&str> = Vec::new();
    let mut text = String::new();
    let mut rest = document;
    let mut roots = 0;
    if let Some(bad) = document.chars().find(|&c| c < ' ' && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(format!("illegal character {bad:?}"));
    }
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        text.push_str(&entities(before)?);
        let end = tag.find('>').ok_or("a tag that does not end")?;
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if inside.contains('<') {
            return Err(format!("< inside a tag: {inside}"));
        } else if inside == "!DOCTYPE html" {
        } else if let Some(name) = inside.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> closes nothing"));
            }
        } else {
            let (inside, empty) =
                inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
            let (name, attributes) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(format!("not a name: {name:?}"));
            }
            read_attributes(attributes)?;
            roots += usize::from(open.is_empty());
            if !empty {
                open.push(name);
            }
        }
    }
    text.push_str(&entities(rest)?);
    if !open.is_empty() || roots != 1 {
        return Err(format!("{roots} roots, left open: {open:?}"));
    }
    Ok(text)
}

fn read_attributes(mut rest: &str) -> Result<(), String> {
    let mut names = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(());
        }
        let (name, after) = rest.split_once("=\"").ok_or(format!("no value: {rest}"))?;
        let (value, after) = after.split_once('"').ok_or(format!("no end: {after}"))?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ':';
        if name.is_empty() || !name.chars().all(legal) || names.contains(&name) {
            return Err(format!("not an attribute: {name:?}"));
        }
        entities(value)?;
        names.push(name);
        rest = after;
    }
}

fn entities(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (name, after) = part.split_once(';').ok_or(format!("bare &: {part}"))?;
        out.push_str(match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" | "#39" => "'",
            _ => return Err(format!("unknown entity {name}")),
        });
        out.push_str(after);
    }
    Ok(out)
}

/// Rows and cells of an RFC 4180 file with \n line ends.
pub fn read_csv(file: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (vec![], vec![], String::new(), false);
    let mut chars = file.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty() && row.is_empty(), "the file ends within a row");
    rows
}

/// A field of a row as a number.
pub fn field(rows: &[Vec<String>], row: usize, name: &str) -> f64 {
    let column = rows[0].iter().position(|n| n == name).unwrap();
    rows[row][column].parse().unwrap()
}

#[test]
fn the_xml_reader_refuses_what_is_not_well_formed() {
    for bad in [
        "<a><b></a></b>",
        "<a>",
        "<a></a><b></b>",
        "<a x=1></a>",
        "<a x=\"1\" x=\"2\"></a>",
        "<a>1 & 2</a>",
        "<a>&nbsp;</a>",
        "<a x=\"<\"></a>",
        "<a>\u{1}</a>",
        "<a",
    ] {
        assert!(read_xml(bad).is_err(), "{bad}");
    }
    assert_eq!(read_xml("<a x=\"&lt;\"><b/>1 &amp; 2</a>").unwrap(), "1 & 2");
}
