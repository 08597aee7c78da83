package hunt

import (
	"time"

	"github.com/rspool/rspool/internal/machine"
)

func (m *Machine) heard(now time.Time, in *machine.Heard) {}
