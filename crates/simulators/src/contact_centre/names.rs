//! Invented people with names of many languages, and addresses without their accents.

use std::collections::HashSet;

use super::chance::Chance;

/// First and last names per language, so that they fit each other.
const NAMES: [(&[&str], &[&str]); 10] = [
    (
        &["Anna", "Jürgen", "Käthe", "Lukas", "Marie", "Sören", "Ute", "Björn"],
        &["Müller", "Schröder", "Weiß", "Krämer", "Vogel", "Böhm", "Lange"],
    ),
    (
        &["Alice", "Oliver", "Grace", "Harry", "Sophie", "James", "Ruby"],
        &["Taylor", "O'Brien", "Walker", "Hughes", "Bennett", "Clarke"],
    ),
    (
        &["Élodie", "François", "Chloé", "Rémi", "Noémie", "Hélène", "Luc"],
        &["Lefèvre", "Dupont", "Garçon", "Benoît", "Moreau", "Chevalier"],
    ),
    (
        &["Lucía", "José", "Íñigo", "Carmen", "Andrés", "Begoña"],
        &["Muñoz", "García", "Núñez", "Ibáñez", "Peña", "Vázquez"],
    ),
    (
        &["Åsa", "Göran", "Linnéa", "Måns", "Elin", "Håkan"],
        &["Öberg", "Sjöström", "Lindqvist", "Åkesson", "Bergström"],
    ),
    (
        &["Łukasz", "Zofia", "Michał", "Małgorzata", "Jędrzej", "Ewa"],
        &["Wójcik", "Kowalski", "Wiśniewski", "Zając", "Dąbek", "Król"],
    ),
    (
        &["Ayşe", "Çağla", "Emre", "İlker", "Gülşen", "Oğuz"],
        &["Yılmaz", "Öztürk", "Şahin", "Çelik", "Doğan", "Aydın"],
    ),
    (
        &["Nguyễn", "Thảo", "Minh", "Hương", "Đức", "Lan"],
        &["Trần", "Phạm", "Lê", "Vũ", "Đặng", "Bùi"],
    ),
    (
        &["Giulia", "Nicolò", "Matteo", "Elisa", "Dario", "Francesca"],
        &["Rossi", "Ferrari", "Esposito", "D'Angelo", "Ricci", "Moretti"],
    ),
    (
        &["Zoë", "Daan", "Sanne", "Thijs", "Noor", "Joost"],
        &["de Vries", "van Dijk", "Bakker", "Meijer", "van den Berg"],
    ),
];

/// Invents people; no two with the same address.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A name and its address.
    pub fn invent(&mut self, chance: &mut Chance) -> (String, String) {
        let (first, last) = NAMES[chance.below(NAMES.len())];
        let first = first[chance.below(first.len())];
        let last = last[chance.below(last.len())];
        let stem = format!("{}.{}", plain(first), plain(last));
        let mut email = format!("{stem}@example.com");
        let mut number = 2;
        while !self.taken.insert(email.clone()) {
            email = format!("{stem}{number}@example.com");
            number += 1;
        }
        (format!("{first} {last}"), email)
    }
}

/// Letters as an address spells them.
fn plain(name: &str) -> String {
    let mut text = String::new();
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' => text.push(letter),
            'ä' => text.push_str("ae"),
            'ö' => text.push_str("oe"),
            'ü' => text.push_str("ue"),
            'ß' => text.push_str("ss"),
            'á' | 'à' | 'ả' | 'ạ' | 'ầ' | 'ặ' | 'å' | 'ą' => text.push('a'),
            'ç' | 'ć' => text.push('c'),
            'đ' => text.push('d'),
            'é' | 'è' | 'ê' | 'ë' | 'ễ' | 'ę' => text.push('e'),
            'ğ' => text.push('g'),
            'í' | 'î' | 'ì' | 'ı' => text.push('i'),
            'ł' => text.push('l'),
            'ñ' | 'ń' => text.push('n'),
            'ó' | 'ò' | 'ơ' => text.push('o'),
            'ş' | 'ś' => text.push('s'),
            'ú' | 'ù' | 'ũ' | 'ư' | 'ứ' => text.push('u'),
            'ź' | 'ż' => text.push('z'),
            // An apostrophe, a space, a combining mark: addresses do without.
            _ => {}
        }
    }
    text
}
