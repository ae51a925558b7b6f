package directory

// Columns are the columns of those that travel, and the names of those that stay.
func Columns() (columns map[string][]string, left []string) {
	columns = map[string][]string{}
	for _, t := range travelling {
		for _, c := range t.columns {
			columns[t.name] = append(columns[t.name], c.name)
		}
	}
	return columns, staying
}
