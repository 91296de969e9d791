engine-cluster-missing = Training on several machines needs Ray, which isn't installed. Run make engine in the checkout of each of them and create the job again.
engine-cluster-away = The Ray cluster at { $cluster } can't be reached. Start it (ray start --head, then ray start --address on the others), or correct engine.training.cluster.
