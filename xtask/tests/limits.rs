//! docs/limits.md has every limit of the contract, with its value.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::collections::BTreeMap;
use std::path::Path;

use syn::{BinOp, Expr, Item, Lit, Visibility};

/// The value of an expression of numbers, products, quotients and earlier limits.
fn value(expression: &Expr, known: &BTreeMap<String, f64>) -> Option<f64> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            Lit::Float(number) => number.base10_parse().ok(),
            _ => None,
        },
        Expr::Binary(binary) => {
            let (left, right) = (value(&binary.left, known)?, value(&binary.right, known)?);
            match binary.op {
                BinOp::Mul(_) => Some(left * right),
                BinOp::Div(_) => Some(left / right),
                _ => None,
            }
        }
        Expr::Path(path) => known.get(&path.path.get_ident()?.to_string()).copied(),
        _ => None,
    }
}

fn limits(source: &str) -> BTreeMap<String, f64> {
    let mut known = BTreeMap::new();
    for item in syn::parse_file(source).unwrap().items {
        let Item::Const(item) = item else { continue };
        if matches!(item.vis, Visibility::Public(_)) {
            let name = item.ident.to_string();
            let value = value(&item.expr, &known).unwrap_or_else(|| panic!("{name} is no number"));
            known.insert(name, value);
        }
    }
    known
}

#[test]
fn every_limit_is_documented_with_its_value() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let mut known = limits(&read("wire/src/limits.rs"));
    assert!(known.len() > 50, "{known:?}");
    for row in read("docs/limits.md").lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, value, _, name] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        let limit = known.remove(name).unwrap_or_else(|| panic!("{name} is no limit, or stands there twice"));
        let number: String = value.chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(number.parse(), Ok(limit), "{name}");
    }
    assert!(known.is_empty(), "not in docs/limits.md: {known:?}");
}
