//! Short trials on real servers and of killed processes.

mod servers;
