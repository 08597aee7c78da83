package machine

import (
	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/transport"
)

// HomeUp says that there is a home registrar, reached over an association. It is
// an effect of the hunt and an input of the element and the user, which may send
// from now on. Where there was a home before, the new one takes its place.
type HomeUp struct {
	Association AssociationID
	Registrar   rserpool.RegistrarID // zero where it has not said yet
	Local       transport.Address    // where the registrar sees the host
	Remote      transport.Address
	Adopted     bool // it claimed the host by a keep-alive (RFC 5352, Section 3.4)
}

// HomeLost says that the home registrar is gone, or was given up. It is an effect
// of the hunt and an input of the element and the user; requests that were
// under way are not answered any more. HomeUp follows when another is found.
type HomeLost struct {
	Association AssociationID
	Reason      string
}

// Rehunt is an effect of the element and the user and an input of the hunt: the
// registrar behind an association does not answer as it should. It is ignored
// unless that is the home.
type Rehunt struct {
	Association AssociationID
	Reason      string
}

// Adopt is an effect of the element and an input of the hunt: the registrar
// behind an association claims to be the home, or the home has told its name.
type Adopt struct {
	Association AssociationID
	Registrar   rserpool.RegistrarID
}

// Cancel gives an Associate up. If it is established all the same, the driver
// aborts it; the role hears nothing more of it.
type Cancel struct{ Ticket Ticket }
