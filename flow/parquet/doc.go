// Package parquet reads columns of numbers and texts out of Apache Parquet files, row
// by row: what flow logs are written as (Parquet format 2.x, without columns in
// columns, whose neighbours are read all the same).
//
// It is no general reader: it writes nothing, finds nothing by statistics or indexes,
// and takes none of the types that logs do not have. It is our own
// code because the sizes that a file claims are to be judged before anything is
// allocated for them (docs/design/parquet.md).
//
//	f, err := parquet.Open(data)
//	err = f.Rows(ctx, []string{"srcaddr", "dstport"}, func(row []parquet.Value) error {
//		fmt.Println(row[0].Text(), row[1].Text()) // valid until the next row
package parquet
