// Package simulate is a world on virtual time in which the machines of the
// protocol run as they do everywhere else: registrars, hosts with elements and
// users, and a network between them that delays, cuts and loses associations.
// A seed decides all that is left to chance, so that a run can be repeated byte
// for byte; Explore tries many seeds and checks each against the invariants.
//
// It is not a simulation of SCTP or of the drivers: associations are reliable,
// and what a driver does with an effect is done again here, without sockets,
// clocks and goroutines.
package simulate
