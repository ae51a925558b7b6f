package transfer

func (h header) summary(records map[string]int) Summary {
	return Summary{TakenAt: h.TakenAt, Revision: h.Revision, Records: records}
}

// total is how many records there are of all kinds.
func (s Summary) total() (n int) {
	for _, of := range s.Records {
		n += of
	}
	return n
}

// counter tells p of every thousandth record it counts.
func (p Progress) counter(total int) func() {
	done := 0
	return func() {
		if done++; done%1000 == 0 || done == total {
			p(done, total)
		}
	}
}
