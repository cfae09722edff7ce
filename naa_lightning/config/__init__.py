"""From composed configurations to checked objects: schema, building, resolvers, studies, plans of trainings."""
