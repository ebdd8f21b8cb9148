//! Which application permissions are granted, compared with what the mirrors need. Pure.
//!
//! What is granted stands in the token (`roles`). Less than needed does not work; more than needed
//! is what a stolen credential could do beyond our own business, so that is told too.
//! Names and what includes what: Learn, "Microsoft Graph permissions reference", read 2026-11.

use engine::port::FindingLevel;

/// One permission that a mirror needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Need {
    /// The least one that does.
    pub permission: &'static str,
    /// Others that do as well, and permit more.
    pub included_in: &'static [&'static str],
    /// What for, after "to".
    pub purpose: &'static str,
    /// How bad it is without.
    pub without: FindingLevel,
}

const GROUPS: &[&str] = &[
    "TeamMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

/// For keeping schedules.
pub const SCHEDULES: Need = Need {
    permission: "Schedule.ReadWrite.All",
    included_in: &[],
    purpose: "write schedules",
    without: FindingLevel::Error,
};
/// For knowing who is in a team.
pub const MEMBERS: Need = Need {
    permission: "TeamMember.Read.All",
    included_in: GROUPS,
    purpose: "see who is a member of a team",
    without: FindingLevel::Error,
};
/// For `shifts register` and its like. As an application permission it is listed for v1.0 by newer
/// pages only; else a Global Administrator registers (shifts.md §1.4).
pub const REGISTRATION: Need = Need {
    permission: "WorkforceIntegration.ReadWrite.All",
    included_in: &[],
    purpose: "register the workforce integration that people's changes arrive through",
    without: FindingLevel::Warning,
};
/// For people's preferences of when to work.
pub const PREFERENCES: Need = Need {
    permission: "UserShiftPreferences.ReadWrite.All",
    included_in: &[],
    purpose: "keep people's shift preferences",
    without: FindingLevel::Warning,
};
/// For seeing when a client secret ends.
pub const OWN_APPLICATION: Need = Need {
    permission: "Application.Read.All",
    included_in: &[
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
    purpose: "see when the client secret expires",
    without: FindingLevel::Good,
};

/// What may be granted for [`OWN_APPLICATION`] without being too much: the others write to what is
/// not ours.
pub const OWN_APPLICATION_TOLERATED: [&str; 2] =
    ["Application.Read.All", "Application.ReadWrite.OwnedBy"];

/// One thing to say about permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How bad it is.
    pub level: FindingLevel,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Need {
    /// The permission among `granted` that meets it, the least first.
    #[must_use]
    pub fn met_by<'a>(&self, granted: &'a [String]) -> Option<&'a str> {
        let mut ways = std::iter::once(&self.permission).chain(self.included_in);
        ways.find_map(|way| granted.iter().find(|it| it.eq_ignore_ascii_case(way)))
            .map(String::as_str)
    }
}

/// Compares what is granted with what is needed. `tolerated` are permissions that nobody needs, and
/// that are no excess.
#[must_use]
pub fn compare(granted: &[String], needs: &[&Need], tolerated: &[&str]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut used: Vec<&str> = Vec::new();
    for need in needs {
        match need.met_by(granted) {
            None => verdicts.push(missing(need)),
            Some(by) => {
                used.push(by);
                if by.eq_ignore_ascii_case(need.permission) {
                    continue;
                }
                verdicts.push(Verdict {
                    level: FindingLevel::Warning,
                    message: format!("`{by}` is granted, which is more than needed"),
                    hint: Some(format!(
                        "grant `{}` instead: it is enough to {}",
                        need.permission, need.purpose
                    )),
                });
            }
        }
    }
    let excess = granted.iter().filter(|it| {
        !used.contains(&it.as_str()) && !tolerated.iter().any(|way| it.eq_ignore_ascii_case(way))
    });
    verdicts.extend(excess.map(|it| excessive(it)));
    if verdicts.is_empty() && !needs.is_empty() {
        let message = format!("{} permissions are granted, each of them needed", granted.len());
        verdicts.push(Verdict { level: FindingLevel::Good, message, hint: None });
    }
    verdicts
}

fn missing(need: &Need) -> Verdict {
    let Need { permission, included_in: _, purpose, without } = need;
    Verdict {
        level: *without,
        message: format!("`{permission}` is not granted; it is needed to {purpose}"),
        hint: Some(format!(
            "add `{permission}` as an application permission (Entra admin centre, App \
             registrations, API permissions, Microsoft Graph) and choose `Grant admin consent`"
        )),
    }
}

fn excessive(permission: &str) -> Verdict {
    // The name comes from a token.
    let permission = super::wire::short(permission);
    Verdict {
        level: FindingLevel::Warning,
        message: format!("`{permission}` is granted, and no mirror over this connection needs it"),
        hint: Some(format!(
            "take `{permission}` away (Entra admin centre, App registrations, API permissions), \
             unless another program signs in as this application"
        )),
    }
}
