package sqlite

import "context"

// Sizes returns how many bytes of the file each table and index takes, whole pages, by
// its name in the schema. It reads the file through.
func (s *Store) Sizes(ctx context.Context) (map[string]int64, error) {
	r, err := s.engine.read.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.engine.read.give(r, true)
	rows, err := r.conn.QueryContext(ctx, "SELECT name, SUM(pgsize) FROM dbstat GROUP BY name")
	if err != nil {
		return nil, explain("measure the catalogue", err, false)
	}
	sizes := map[string]int64{}
	err = scanAll(rows, func(scan func(...any) error) error {
		var name string
		var bytes int64
		err := scan(&name, &bytes)
		sizes[name] = bytes
		return err
	})
	return sizes, err
}
