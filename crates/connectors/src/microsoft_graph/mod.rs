//! Microsoft Graph: the connection kind that its mirrors share.

pub mod shifts;
