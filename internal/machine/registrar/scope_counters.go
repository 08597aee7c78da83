package registrar

// ScopeCounters count what happened between registrars since the machine was
// made.
type ScopeCounters struct {
	// Received and Sent count ENRP messages by the number of their type; at zero
	// are those whose type is not known.
	Received, Sent [16]uint64
	Heard          uint64 // presences by multicast
	Ignored        [len(peerIgnoredNames)]uint64

	PeersJoined, PeersLost uint64
	// TakeoversBegun are this registrar's own attempts, of which Won were
	// completed, Yielded left to a peer, Late begun again, and Revived stopped
	// because the target lives. TakenOver counts the elements.
	TakeoversBegun, TakeoversWon, TakeoversYielded, TakeoversLate, TakeoversRevived, TakenOver uint64
	// TakeoversByPeers are those that peers have completed.
	TakeoversByPeers uint64

	// Disagreements are presences whose checksum was not the expected one;
	// Resyncs the resynchronisations begun, of which ResyncsFailed came to no
	// end, and Mended the elements that they removed.
	Disagreements, Resyncs, ResyncsFailed, Mended uint64
	// Claims are elements asked by KEEP_ALIVE to accept this home, of which some
	// did (ClaimsAccepted), and some were not reached (ClaimsFailed).
	Claims, ClaimsAccepted, ClaimsFailed uint64
	// Reasserted are elements announced anew because a peer took them for its
	// own, or for gone.
	Reasserted uint64
	// Suggested are takeovers suggested to peers, SuggestionsHeard those that
	// peers have suggested.
	Suggested, SuggestionsHeard uint64
}

// PeerIgnored says why a message of a peer, or a part of it, had no effect.
type PeerIgnored uint8

// What is ignored of peers.
const (
	PeerMalformed    PeerIgnored = iota // could not be parsed
	PeerUnrecognized                    // a message type that is not known
	PeerUnexpected                      // an answer that nobody waits for
	PeerComplaint                       // an error that the peer reports
	WrongSender                         // another sender than before on the association, or zero
	OwnIdentity                         // somebody uses this registrar's identifier
	Impostor                            // somebody uses the identifier of a peer that is connected
	SecondWay                           // a peer that is connected answers at another address too
	WrongReceiver                       // meant for somebody else
	WrongTarget                         // a takeover that makes no sense
	WrongHome                           // an element that is not the sender's
	Unacceptable                        // an element that the handlespace refuses
	TooManyPeers                        // the limit of peers is reached
	EndlessTable                        // a handle table that does not end
	PeerStalled                         // not sent: the peer does not read
	BadPresence                         // a datagram that is no presence
)

var peerIgnoredNames = [...]string{"malformed", "unrecognized", "unexpected", "peer-error", "wrong-sender", "own-identity",
	"impostor", "second-way", "wrong-receiver", "wrong-target", "wrong-home", "unacceptable", "too-many-peers", "endless-table", "stalled", "bad-datagram"}

// String returns the reason in lower case.
func (i PeerIgnored) String() string { return peerIgnoredNames[i] }

// PeerIgnoredNames are the names of the values of PeerIgnored, in their order.
var PeerIgnoredNames = peerIgnoredNames[:]
