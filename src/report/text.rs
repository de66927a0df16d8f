//! Text for people and for markup: escaping, widths, and numbers as they are read.
//!
//! Floor 8. Uses nothing of the crate.

/// Text as XML and HTML content or attribute value: the five special characters as entities; characters that XML 1.0
/// forbids (controls and non-characters) become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(legal(other)),
        }
    }
    out
}

/// Text with the characters that XML 1.0 forbids replaced by U+FFFD, for a writer that escapes the rest itself.
pub fn printable(text: &str) -> String {
    text.chars().map(legal).collect()
}

fn legal(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        other => other,
    }
}

/// The columns a text takes on a terminal: one a character, none for a combining mark (D̂ is one column wide).
pub fn columns(text: &str) -> usize {
    text.chars().filter(|&c| !combining(c)).count()
}

/// The text in at most `width` columns, with … for what does not fit.
pub fn elide(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        if !combining(c) {
            if used + 1 == width {
                break;
            }
            used += 1;
        }
        out.push(c);
    }
    out.push('…');
    out
}

fn combining(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c) || ('\u{20d0}'..='\u{20ff}').contains(&c)
}

/// A number to three significant digits, in ASCII: `0.0123`, `4.57`, `1.23e-7`, `inf`, `NaN`.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.2e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let Ok(power) = exponent.parse::<i32>() else { return scientific };
    // Three digits that are read at a glance: none before 0.001, none after 9999.
    if (-3..=3).contains(&power) {
        let decimals = usize::try_from(2 - power).unwrap_or(0);
        trim_zeros(&format!("{value:.decimals$}")).to_owned()
    } else {
        format!("{}e{power}", trim_zeros(mantissa))
    }
}

/// [`number`] with typographic signs: `1.23×10⁻⁷`, `−4.57`, `∞`.
pub fn number_unicode(value: f64) -> String {
    let plain = number(value);
    let plain = plain.replace("inf", "∞");
    match plain.split_once('e') {
        Some((mantissa, exponent)) => {
            let power = superscript(exponent);
            match mantissa {
                "1" => format!("10{power}"),
                "-1" => format!("−10{power}"),
                other => format!("{}×10{power}", other.replace('-', "−")),
            }
        }
        None => plain.replace('-', "−"),
    }
}

/// A decimal integer in superscript digits.
pub fn superscript(digits: &str) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    digits
        .chars()
        .map(|c| match c {
            '-' | '−' => '⁻',
            c => c.to_digit(10).and_then(|digit| RAISED.get(digit as usize)).copied().unwrap_or(c),
        })
        .collect()
}

fn trim_zeros(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}
