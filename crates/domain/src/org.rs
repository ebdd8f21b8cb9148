//! The people who work and the groups that they are planned in.

use serde::{Deserialize, Serialize};

use crate::{Availability, EmployeeId, Fingerprint, Fingerprinter, ScheduleGroupId};

/// A person who works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Employee {
    /// The system of record's id.
    pub id: EmployeeId,
    /// What colleagues call them.
    pub name: Option<String>,
    /// Where calendars and directories find them.
    pub email: Option<String>,
    /// Their object id in Microsoft Entra, where it differs from the e-mail address.
    pub m365_id: Option<String>,
    /// Their Google Workspace user, where it differs from the e-mail address.
    pub google_id: Option<String>,
    /// The group that they belong to when the schedule names none.
    pub group: Option<ScheduleGroupId>,
    /// IANA name of the zone they live in, where it differs from the roster's.
    pub time_zone: Option<String>,
    /// Their employee number, where the system of record knows one: a name for them in the
    /// operator's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// What they may do, as words that rules name; sorted, without repetition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub qualifications: Vec<String>,
    /// When they are available for work, where they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
}

impl Employee {
    /// Somebody of whom nothing but the id is known.
    #[must_use]
    pub fn unnamed(id: EmployeeId) -> Self {
        Self {
            id,
            name: None,
            email: None,
            m365_id: None,
            google_id: None,
            group: None,
            time_zone: None,
            number: None,
            qualifications: vec![],
            availability: None,
        }
    }

    /// The hash of everything but the id.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self {
            id: _,
            name,
            email,
            m365_id,
            google_id,
            group,
            time_zone,
            number,
            qualifications,
            availability,
        } = self;
        let mut print = Fingerprinter::new("employee/1");
        print
            .optional(name.as_deref())
            .optional(email.as_deref())
            .optional(m365_id.as_deref())
            .optional(google_id.as_deref())
            .optional(group.as_ref().map(ScheduleGroupId::as_str))
            .optional(time_zone.as_deref());
        // Only where there are any: rosters that know neither keep their fingerprints.
        for qualification in qualifications {
            print.text(qualification);
        }
        if let Some(number) = number {
            print.number(2).text(number);
        }
        if let Some(availability) = availability {
            print.number(1).text(&availability.to_string());
        }
        print.finish()
    }
}

/// People who are planned together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleGroup {
    /// The system of record's id.
    pub id: ScheduleGroupId,
    /// What people call it.
    pub name: String,
}

impl ScheduleGroup {
    /// The hash of its meaning.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { id: _, name } = self;
        let mut print = Fingerprinter::new("schedule_group/1");
        print.text(name);
        print.finish()
    }
}
